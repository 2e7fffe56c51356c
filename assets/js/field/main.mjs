// The page of a unit's phone: puts its parts together, asks for the picture, hands presses on.
import { part } from '../dom.mjs';
import { makeForms } from './forms.mjs';
import { makeOutbox } from './outbox.mjs';
import { openStore } from './store.mjs';
import { page, strip } from './view.mjs';
import { makeSay } from './words.mjs';

const ASK_MS = 10_000;
const HOLD_MS = 1500;
const ANSWER_MS = 20_000;

/** @param {string} url @param {RequestInit} [more] */
async function call(url, more = {}) {
  const answer = await fetch(url, { ...more, headers: { accept: 'application/json', 'content-type': 'application/json' }, signal: AbortSignal.timeout(ANSWER_MS) });
  if (answer.status === 401) throw Object.assign(new Error('put out'), { out: true });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

/** In one tab at a time, where the browser can. @param {() => Promise<void>} work */
const alone = work => ('locks' in navigator ? navigator.locks.request('onemap-field-send', work) : work());

/** @param {() => void} work @param {number} ms */
function later(work, ms) {
  const timer = setTimeout(work, ms);
  return () => clearTimeout(timer);
}

const store = await openStore();
const speech = makeSay(await (await fetch('/field/words.json')).json());
const forms = makeForms(speech, part('dialogs'));
/** @type {FieldState} */
const state = { picture: (await store.kept('picture')) ?? null, entries: await store.all(), heard: null, lost: null, out: false, lasting: store.lasting };

/** What has not changed stays: a press that began on a button must end on it. @param {string} id @param {Element[]} parts */
function place(id, parts) {
  const node = part(id);
  if (node.innerHTML !== parts.map(one => one.outerHTML).join('')) node.replaceChildren(...parts);
}

function draw() {
  const held = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.do : null;
  place('strip', strip(state, speech));
  place('page', page(state, speech));
  if (held) /** @type {HTMLElement | null} */ (document.querySelector(`[data-do="${held}"]`))?.focus();
}

/** Whether the server answers; `out` where it no longer knows this phone. @param {unknown} error null where it does */
function heard(error) {
  if (error === null) Object.assign(state, { heard: Date.now(), lost: null, out: false });
  else {
    state.lost ??= Date.now();
    state.out = Boolean(/** @type {any} */ (error).out);
  }
}

async function ask() {
  try {
    state.picture = await call('/api/field');
    heard(null);
    await store.keep('picture', state.picture).catch(() => {});
    if (state.entries.some(entry => entry.state === 'waiting')) outbox.send();
  } catch (error) {
    heard(error);
  }
  draw();
}

/** @param {FieldAct[]} acts @returns {Promise<FieldAnswer[]>} */
async function post(acts) {
  try {
    const { items } = await call('/api/field/acts', { method: 'POST', body: JSON.stringify({ clock: new Date().toISOString(), acts }) });
    heard(null);
    return items;
  } catch (error) {
    heard(error);
    throw error;
  }
}

async function changed() {
  state.entries = await store.all();
  draw();
}

const outbox = makeOutbox({ store, post, alone, changed, later });

/** A UUID, where the page does not come over TLS too. */
const newId = () => '10000000-1000-4000-8000-100000000000'.replace(/[018]/g, digit => (+digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (+digit / 4)))).toString(16));

/** Keep what happened, then send it. Rejects where it was neither kept nor taken by the server. @param {Omit<FieldAct, 'id' | 'at'>} given */
async function happened(given) {
  const act = { id: newId(), at: new Date().toISOString(), ...given };
  try {
    await store.add(act);
  } catch (error) {
    // no room on the phone: the server may take it all the same
    const [answer] = await post([act]).catch(() => { throw error; });
    state.entries = [...state.entries, { act, state: answer.state, why: answer.why, incident: answer.incident }];
    draw();
    return;
  }
  await changed();
  outbox.send().then(ask);
}

/** @param {unknown} error */
function tellFull(error) {
  console.error(error);
  const told = document.createElement('p');
  told.className = 'why';
  told.setAttribute('role', 'alert');
  told.textContent = speech.say('field.full');
  part('page').prepend(told);
}

/** @param {number} seq @returns {FieldEntry | undefined} */
const entryOf = seq => state.entries.find(entry => entry.seq === seq);

/** @param {number} seq */
async function drop(seq) {
  await store.drop(seq);
  await changed();
}

/** What was refused is said anew, as another entry. @param {FieldEntry} entry */
function mend({ seq, act }) {
  /** @param {Partial<FieldAct>} given */
  const again = async given => {
    await happened({ kind: act.kind, ...(act.task ? { task: act.task } : {}), ...given });
    await drop(/** @type {number} */ (seq));
  };
  if (act.kind === 'message') forms.message(act.text ?? '', text => again({ text }));
  else forms.report(act, again);
}

/** @type {Record<string, (data: DOMStringMap) => void>} */
const DOES = {
  language: () => { speech.turn(); draw(); },
  reply: ({ task, state: to }) => {
    const given = /** @type {const} */ ({ kind: 'reply', task, state: to });
    if (to === 'clear') forms.clear(() => happened(given));
    else happened(given).catch(tellFull);
  },
  decline: ({ task }) => forms.decline(reason => happened({ kind: 'reply', task, state: 'declined', reason })),
  message: () => {
    const task = state.picture?.task?.id;
    forms.message('', text => happened({ kind: 'message', text, ...(task ? { task } : {}) }));
  },
  report: () => forms.report(null, given => happened({ kind: 'report', ...given })),
  mend: ({ seq }) => { const entry = entryOf(Number(seq)); if (entry) mend(entry); },
  drop: ({ seq }) => { drop(Number(seq)); },
};

/** A call for help is held, so that no pocket calls. */
function guardPanic() {
  /** @type {{ timer: number | undefined, where: { lon?: number, lat?: number } }} */
  const held = { timer: undefined, where: {} };

  /** @param {Element} button */
  function begin(button) {
    if (held.timer !== undefined) return;
    button.setAttribute('data-held', '');
    held.where = {};
    navigator.geolocation?.getCurrentPosition(({ coords }) => { held.where = { lon: coords.longitude, lat: coords.latitude }; }, () => {}, { maximumAge: 120_000, timeout: HOLD_MS });
    held.timer = setTimeout(() => {
      end();
      navigator.vibrate?.(300);
      happened({ kind: 'panic', ...held.where }).catch(tellFull);
    }, HOLD_MS);
  }

  function end() {
    clearTimeout(held.timer);
    held.timer = undefined;
    document.querySelector('[data-held]')?.removeAttribute('data-held');
  }

  /** @param {Event} event */
  const onPanic = event => (event.target instanceof Element ? event.target.closest('[data-do=panic]') : null);
  document.addEventListener('pointerdown', event => { const button = onPanic(event); if (button) begin(button); });
  for (const name of ['pointerup', 'pointercancel', 'keyup', 'blur']) addEventListener(name, end);
  document.addEventListener('keydown', event => { const button = onPanic(event); if (button && (event.key === ' ' || event.key === 'Enter')) begin(button); });
  document.addEventListener('contextmenu', event => { if (onPanic(event)) event.preventDefault(); });
}

document.addEventListener('click', event => {
  const button = event.target instanceof Element ? /** @type {HTMLElement | null} */ (event.target.closest('[data-do]')) : null;
  if (button?.dataset.do) DOES[button.dataset.do]?.(button.dataset);
});
guardPanic();
draw();

const refresh = () => outbox.send().then(ask);
addEventListener('online', refresh);
document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
setInterval(() => { if (!document.hidden) ask(); }, ASK_MS);
navigator.storage?.persist?.();
if ('serviceWorker' in navigator) await navigator.serviceWorker.register('/field/sw.js', { scope: '/field' });
await refresh();
