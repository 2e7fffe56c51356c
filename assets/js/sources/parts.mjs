// Small parts of the page of sources: fields, lamps, notices, redrawing without losing the place.
import { el, setText } from '../dom.mjs';
import { ago, both, duration, lang, moment, page, say } from './words.mjs';

const TOAST_MS = 7000;

export const me = () => page.me;
export const isAdmin = () => me().role === 'admin';
export const mayRead = () => me().role !== 'viewer';
export const names = thing => thing?.names?.[lang()] || thing?.names?.zh || thing?.names?.en || '';

/** A button with words; `key` names it for redrawing and for tests. */
export const button = (key, words, onclick, attributes = {}) =>
  el('button', { type: 'button', class: 'action', 'data-key': key, onclick, ...attributes }, both(words));

export const iconButton = (key, icon, words, onclick) =>
  el('button', { type: 'button', class: 'icon-button small', 'data-key': key, onclick }, el('span', { class: `icon icon-${icon}` }), el('span', { class: 'tip' }, both(words)));

export const age = iso => (iso ? el('time', { datetime: iso, 'data-age': iso, title: moment(iso) }, ago(iso)) : el('span', { class: 'quiet' }, both('sources.never')));
export const lasting = seconds => (seconds == null ? '–' : duration(Math.max(0, seconds)));
export const number = value => (value == null ? '–' : Number(value).toLocaleString(lang() === 'zh' ? 'zh-CN' : 'en-GB', { maximumFractionDigits: 2 }));

/** Why a message could not be read, in words; the bare reason where we have none. */
export const reasonWords = reason => (say(`reason.${reason}`) === `reason.${reason}` ? [el('span', {}, reason)] : both(`reason.${reason}`));

/** Colour, and the word for it. */
export const lamp = (state, words) => el('span', { class: 'state', 'data-state': state }, el('span', { class: 'lamp' }), el('span', {}, both(words)));

export const notice = (kind, words, detail = '') =>
  el('div', { class: `notice notice-${kind}`, role: 'status' }, el('span', { class: `icon icon-${kind}` }), el('p', {}, both(words)), detail ? el('p', { class: 'detail' }, detail) : null);

let fields = 0;
/** A labelled control. `control` is an input, select or textarea; `hint` a catalogue key. */
export function field(name, words, control, hint = null) {
  const id = control.id || `field-${++fields}`;
  Object.assign(control, { id });
  control.dataset.field = name;
  const told = hint ? el('span', { class: 'hint', id: `${id}-hint` }, both(hint)) : null;
  if (told) control.setAttribute('aria-describedby', told.id);
  return el('div', { class: control.type === 'checkbox' ? 'field check' : 'field' }, el('label', { for: id }, both(words)), control, told);
}

export const input = (value, attributes = {}) => Object.assign(el('input', { type: 'text', autocomplete: 'off', ...attributes }), { value: value ?? '' });
export const checkbox = checked => Object.assign(el('input', { type: 'checkbox' }), { checked: Boolean(checked) });
export const area = (value, rows, attributes = {}) => Object.assign(el('textarea', { rows, spellcheck: 'false', ...attributes }), { value: value ?? '' });

/** `choices` are [value, words] pairs. */
export function select(value, choices, attributes = {}) {
  const node = el('select', attributes, choices.map(([key, words]) => el('option', { value: key }, words)));
  node.value = value ?? '';
  return node;
}

/** Marks the field that the server found at fault and says why; without one the words stand alone. */
export function blame(form, error) {
  clearBlame(form);
  const told = error.status ? error.message : say('toast.network');
  const name = error.problem?.field?.split('.')[0];
  const at = name && form.querySelector(`[data-field="${CSS.escape(name)}"]`);
  const words = el('p', { class: 'error', role: 'alert' }, told);
  if (!at) return form.querySelector('[data-errors]').replaceChildren(words);
  if (at.matches('input, select, textarea')) at.setAttribute('aria-invalid', 'true');
  at.closest('details')?.setAttribute('open', '');
  (at.closest('.field') || at).append(words);
  at.scrollIntoView({ block: 'center' });
  if (at.matches('input, select, textarea')) at.focus({ preventScroll: true });
}

export function clearBlame(form) {
  for (const node of form.querySelectorAll('.error')) node.remove();
  for (const node of form.querySelectorAll('[aria-invalid]')) node.removeAttribute('aria-invalid');
}

/** New content; the element with the same key has the focus again, and the page stays where it was. */
export function redraw(node, ...children) {
  const key = node.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  const top = node.scrollTop;
  node.replaceChildren(...children.flat().filter(child => child != null));
  node.scrollTop = top;
  if (key) node.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({ preventScroll: true });
}

export function toast(kind, ...words) {
  const node = el('div', { class: `toast ${kind}` }, words);
  const region = document.querySelector('[data-toasts]');
  region.append(node);
  while (region.children.length > 3) region.firstElementChild.remove();
  setTimeout(() => node.remove(), TOAST_MS);
}

/** Something was changed here: counts of the other tabs are read anew. */
export const changed = () => window.dispatchEvent(new Event('sources:changed'));

export const done = (key, params) => toast('done', el('p', {}, both(key, params)));
export const complain = error => toast('failed', el('p', {}, el('b', {}, both('toast.failed')), ' ', error.status ? error.message : both('toast.network')));

/** Runs `work`, the button pressed being off meanwhile; a failure is told. Gives what `work` gave. */
export async function busy(node, work, failed = complain) {
  node.disabled = true;
  try { return await work(); } catch (error) { failed(error); return undefined; } finally { node.disabled = false; }
}

/** Keeps every shown age current. */
export function keepAges() {
  setInterval(() => { for (const node of document.querySelectorAll('[data-age]')) setText(node, ago(node.dataset.age)); }, 1000);
}
