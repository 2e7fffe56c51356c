// Toasts at the edge and the emergency banner: new things announce themselves and cover no control.
import { byId, el } from './dom.mjs';
import { live } from './live.mjs';
import { both, pair } from './words.mjs';
import { select } from './selection.mjs';

const TOAST_MS = 9000;
const MOST = 3;
const WAITING = ['unacknowledged', 'returned_unacknowledged'];
const ROMAN = ['', 'I', 'II', 'III', 'IV'];
const dismissed = new Set();

const badge = level => el('span', { class: `level level-${level || 'none'}` }, el('span', {}, ROMAN[level] || ''));
const button = (key, name, onclick) => el('button', { type: 'button', class: name, onclick }, both(key));

function toast(className, parts) {
  const node = el('div', { class: `toast ${className}` }, parts);
  const region = byId('toasts');
  const leave = () => node.remove();
  node.append(el('button', { type: 'button', class: 'icon-button small', onclick: leave }, el('span', { class: 'icon icon-close' }), el('span', { class: 'spoken' }, both('toast.dismiss'))));
  region.append(node);
  while (region.children.length > MOST) region.firstElementChild.remove();
  let timer = setTimeout(leave, TOAST_MS);
  node.addEventListener('pointerenter', () => clearTimeout(timer));
  node.addEventListener('pointerleave', () => { timer = setTimeout(leave, TOAST_MS / 3); });
}

export const tell = key => toast('done', [el('p', {}, both(key))]);

/** A failed action: what failed and why, in the words of the server. */
export const complain = (error, key = 'toast.failed') =>
  toast('failed', [el('p', {}, el('b', {}, both(key)), el('span', { class: 'detail' }, error.status ? error.message : both('toast.network')))]);

function announce(type, thing, key, title) {
  toast('news', [badge(thing.level), el('p', {}, el('b', {}, both(key)), el('span', { class: 'detail' }, pair(title))), button('toast.show', 'row-button', () => select({ type, id: String(thing.id) }))]);
}

const urgent = () => live.alarm.all().filter(({ id, level, state }) => level <= 2 && WAITING.includes(state) && !dismissed.has(id))
  .sort((a, b) => a.level - b.level || (a.raised_at < b.raised_at ? 1 : -1));

function bannerParts(alarm, others) {
  const more = others ? [el('span', { class: 'more' }, both('banner.more', { n: others }))] : [];
  const vocabulary = window.onemap.vocabulary.levels?.[alarm.level];
  return [
    badge(alarm.level), el('b', {}, pair(vocabulary)), el('p', {}, pair(alarm.message || alarm.names)), ...more,
    button('toast.show', 'row-button', () => select({ type: 'alarm', id: String(alarm.id) })),
    el('button', { type: 'button', class: 'icon-button small', onclick: () => { dismissed.add(alarm.id); banner(); } }, el('span', { class: 'icon icon-close' }), el('span', { class: 'spoken' }, both('toast.dismiss'))),
  ];
}

let standing = '';
function banner() {
  const [worst, ...others] = urgent();
  const node = byId('banner');
  const key = worst ? `${worst.id} ${worst.level} ${worst.changed_at} ${others.length}` : '';
  if (key === standing) return;
  standing = key;
  node.hidden = !worst;
  node.dataset.level = worst?.level ?? '';
  node.replaceChildren(...(worst ? bannerParts(worst, others.length) : []));
}

export function startNotices() {
  live.alarm.on(({ added, whole }) => {
    banner();
    if (whole) return;
    for (const id of added) {
      const alarm = live.alarm.get(id);
      if (alarm?.level > 2 && WAITING.includes(alarm.state)) announce('alarm', alarm, 'toast.new_alarm', alarm.message || alarm.names);
    }
  });
  live.incident.on(({ added, whole }) => {
    if (!whole) for (const id of added) announce('incident', live.incident.get(id), 'toast.new_incident', live.incident.get(id).titles || { zh: live.incident.get(id).title });
  });
}
