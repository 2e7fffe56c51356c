// The few DOM helpers that all panels share.
export const byId = id => document.getElementById(id);

/** Writes only what differs: untouched leaves cost no layout. */
export function setText(node, value) {
  const text = String(value);
  if (node && node.textContent !== text) node.textContent = text;
}

/** An element with attributes (`on…` are listeners) and children; null children are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter(child => child != null));
  return node;
}

/** Resolves with the element once Dash has rendered it. */
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

/** State into a Dash component. Calls in a row are conflated by Dash: state only, never events. */
export async function setProps(id, props) {
  await whenThere('top-bar');
  window.dash_clientside.set_props(id, props);
}

/** At most one call per `ms`, the last one always made. */
export function atMost(ms, call) {
  let timer = null;
  let last = 0;
  return () => {
    if (timer) return;
    timer = setTimeout(() => { timer = null; last = performance.now(); call(); }, Math.max(0, last + ms - performance.now()));
  };
}

export function remembered(name, fallback) {
  try { return JSON.parse(localStorage.getItem(`onemap.${name}`)) ?? fallback; } catch { return fallback; }
}

export function remember(name, value) {
  try { localStorage.setItem(`onemap.${name}`, typeof value === 'string' ? value : JSON.stringify(value)); } catch { /* private window: nothing is kept */ }
}
