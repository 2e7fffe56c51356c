// The few DOM helpers that all panels share.
/** @param {string} id */
export const byId = id => document.getElementById(id);

/** An element that the page always has. @param {string} id */
export function part(id) {
  const node = byId(id);
  if (!node) throw new Error(`there is no #${id}`);
  return node;
}

/** What a template of the page holds, once more. @param {string} id */
export const copyOf = id => /** @type {HTMLTemplateElement} */ (part(id)).content.cloneNode(true);

/**
 * The element that matches around what an event happened to.
 * @param {Event} event
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
export const around = ({ target }, selector) => (target instanceof Element ? target.closest(selector) : null);

/** Writes only what differs: untouched leaves cost no layout. @param {Element | null} node @param {unknown} value */
export function setText(node, value) {
  const text = String(value);
  if (node && node.textContent !== text) node.textContent = text;
}

/** @typedef {Node | string | null | undefined} Child */
/**
 * An element with attributes (`on…` are listeners) and children; null children are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, any>} attributes
 * @param {...(Child | Child[])} children
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter(child => child != null));
  return node;
}

/** Resolves with the element once Dash has rendered it. @param {string} id @returns {Promise<HTMLElement>} */
export function whenThere(id) {
  const found = byId(id);
  if (found) return Promise.resolve(found);
  return new Promise(resolve => {
    const watch = new MutationObserver(() => {
      const node = byId(id);
      if (node) { watch.disconnect(); resolve(node); }
    });
    watch.observe(document.documentElement, { childList: true, subtree: true });
  });
}

/**
 * State into a Dash component. Calls in a row are conflated by Dash: state only, never events.
 * @param {string} id
 * @param {Props} props
 */
export async function setProps(id, props) {
  await whenThere('top-bar');
  window.dash_clientside.set_props(id, props);
}

/** At most one call per `ms` (a number, or what says it), the last one always made. @param {number | (() => number)} ms @param {() => unknown} call */
export function atMost(ms, call) {
  const every = typeof ms === 'function' ? ms : () => ms;
  let waiting = false;
  let last = -Infinity;
  return () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; last = performance.now(); call(); }, Math.max(0, last + every() - performance.now()));
  };
}

/**
 * The same call where somebody looks; where nobody does, it is made once when they look again, however often it was asked for.
 * @param {() => unknown} call
 */
export function whenSeen(call) {
  let due = false;
  document.addEventListener('visibilitychange', () => {
    if (document.hidden || !due) return;
    due = false;
    call();
  });
  return () => {
    if (document.hidden) due = true;
    else call();
  };
}

/** As this browser holds it. @param {string} name @returns {string | null} */
export const keptText = name => { try { return localStorage.getItem(`onemap.${name}`); } catch { return null; } };

/** Whether this browser holds a choice under that name. @param {string} name */
export const isRemembered = name => Boolean(keptText(name));

/** @template T @param {string} name @param {T} fallback @returns {T} */
export function remembered(name, fallback) {
  try { return JSON.parse(keptText(name) ?? 'null') ?? fallback; } catch { return fallback; }
}

/** Into this browser alone. @param {string} name @param {unknown} value */
export function keep(name, value) {
  try {
    if (value === undefined) localStorage.removeItem(`onemap.${name}`);
    else localStorage.setItem(`onemap.${name}`, typeof value === 'string' ? value : JSON.stringify(value));
  } catch { /* private window: nothing is kept */ }
}

/** A choice of this person: into this browser, and `onemap:chosen` tells who sends it to their account. @param {string} name @param {unknown} value */
export function remember(name, value) {
  if (keptText(name) === (typeof value === 'string' ? value : JSON.stringify(value))) return;
  keep(name, value);
  dispatchEvent(new CustomEvent('onemap:chosen', { detail: { name, value } }));
}
