// Toasts at the edge and the emergency banner: new things announce themselves and cover no control.
import { beginsLine } from './lines.mjs';
import { el, part } from './dom.mjs';
import { whyOf } from './api.mjs';
import { pair } from './words.mjs';
import { ROMAN } from './tokens.mjs';

const TOAST_MS = 9000;
// the server gives a slow line a little more (alerts/lifecycle.py)
const UNDO_MS = 10000;
const MOST = 3;
const URGENT = 2;

/** @param {Level} level */
const badge = level => el('span', { class: `level level-${level || 'none'}` }, el('span', {}, ROMAN[level] || ''));

/**
 * Alarms that cannot wait and that nobody has put aside, the gravest and newest first.
 * @param {Alarm[]} alarms
 * @param {Set<string>} dismissed
 * @param {Pick<Sets, 'waiting'>} sets
 */
export const urgentOf = (alarms, dismissed, sets) =>
  alarms.filter(alarm => alarm.level <= URGENT && sets.waiting(alarm) && !dismissed.has(alarm.id))
    .sort((a, b) => a.level - b.level || (a.raised_at < b.raised_at ? 1 : -1));

/**
 * Crews in need to whom nobody has been sent, who called first before others: this cannot be put aside.
 * @param {Incident[]} incidents
 */
export const callsOf = incidents =>
  incidents.filter(({ kind, status }) => kind === 'panic' && status === 'open').sort((a, b) => (a.opened_at < b.opened_at ? -1 : 1));

/**
 * Whether a new alarm is told at the edge: what cannot wait is in the banner already.
 * @param {Alarm | undefined} alarm
 * @param {Pick<Sets, 'waiting'>} sets
 */
export const isNews = (alarm, sets) => Boolean(alarm && alarm.level > URGENT && sets.waiting(alarm));

/** @param {() => void} onclick @param {HTMLElement[]} words */
const closer = (onclick, words) =>
  el('button', { type: 'button', class: 'icon-button small', onclick }, el('span', { class: 'icon icon-close' }), el('span', { class: 'spoken' }, words));

/** @param {string} className @param {HTMLElement[]} parts @param {HTMLElement[]} dismiss words @param {number} [life] */
function toast(className, parts, dismiss, life = TOAST_MS) {
  const node = el('div', { class: `toast ${className}` }, parts);
  const region = part('toasts');
  const leave = () => node.remove();
  node.append(closer(leave, dismiss));
  region.append(node);
  while (region.children.length > MOST) region.firstElementChild?.remove();
  let timer = setTimeout(leave, life);
  if (life !== TOAST_MS) return node; // its time is that of what it offers
  node.addEventListener('pointerenter', () => clearTimeout(timer));
  node.addEventListener('pointerleave', () => { timer = setTimeout(leave, TOAST_MS / 3); });
  return node;
}

/** @param {{ live: Live, sets: Sets, words: Words, selection: Chosen, vocabulary: Vocabulary, catalogue: Texts }} parts */
export function makeNotices({ live, sets, words: { both }, selection, vocabulary, catalogue }) {
  /** @type {Set<string>} */
  const dismissed = new Set();
  let standing = '';

  /** @param {string} className @param {...HTMLElement} parts */
  const show = (className, ...parts) => toast(className, parts, both('toast.dismiss'));
  /** @param {string} type @param {{ id: string }} thing */
  const opener = (type, { id }) =>
    el('button', { type: 'button', class: 'row-button', onclick: () => selection.select({ type, id: String(id) }) }, both('toast.show'));

  /** @param {string} type @param {Alarm | Incident} thing @param {string} key @param {Bilingual} title */
  function announce(type, thing, key, title) {
    show('news', badge(thing.level), el('p', {}, el('b', {}, both(key)), el('span', { class: 'detail' }, pair(title))), opener(type, thing));
  }

  /** @param {Alarm} alarm */
  function dismiss({ id }) {
    dismissed.add(id);
    banner();
  }

  /** Its number and what that means, in words. @param {Alarm} alarm */
  const levelOf = ({ level }) => ({ level: vocabulary.levels[level], word: vocabulary.alarm_levels[level] });

  /** @param {Alarm} alarm @param {number} others */
  function bannerParts(alarm, others) {
    const more = others ? [el('span', { class: 'more' }, both('banner.more', { n: others }))] : [];
    return [
      badge(alarm.level), el('b', {}, both('banner.level', levelOf(alarm))), el('p', {}, pair(alarm.message || alarm.names)), ...more, opener('alarm', alarm),
      closer(() => dismiss(alarm), both('toast.dismiss')),
    ];
  }

  /** @param {Incident} call @param {number} others */
  function callParts(call, others) {
    const more = others ? [el('span', { class: 'more' }, both('banner.more', { n: others }))] : [];
    return [badge(call.level), el('b', {}, both('banner.panic')), el('p', {}, pair(call.titles || { zh: call.title })), ...more, opener('incident', call)];
  }

  /** @param {Incident} call @param {number} others */
  function bannerOfCall(call, others) {
    const key = `call ${call.id} ${others}`;
    if (key === standing) return;
    standing = key;
    const node = part('banner');
    node.hidden = false;
    node.dataset.level = String(call.level);
    node.replaceChildren(...callParts(call, others));
  }

  function banner() {
    const [worst, ...others] = urgentOf(live.alarm.all(), dismissed, sets);
    const [call, ...calls] = callsOf(live.incident.all());
    if (call) return bannerOfCall(call, calls.length + (worst ? 1 + others.length : 0));
    const key = worst ? `${worst.id} ${worst.level} ${worst.changed_at} ${others.length}` : '';
    if (key === standing) return;
    standing = key;
    const node = part('banner');
    node.hidden = !worst;
    node.dataset.level = String(worst?.level ?? '');
    node.replaceChildren(...(worst ? bannerParts(worst, others.length) : []));
  }

  return {
    /** @param {string} key @param {Bilingual} detail */
    say: (key, detail) => show('done', el('p', {}, el('b', {}, both(key)), el('span', { class: 'detail' }, pair(detail)))),

    /** Something is done. @param {string} key */
    tell: key => show('done', el('p', {}, both(key))),

    /**
     * Something is done that can be taken back for ten seconds. The result takes it back, and says whether it still could.
     * @param {string} key
     * @param {Bilingual | null} name of what it was done to
     * @param {() => void} undo
     * @param {Record<string, unknown>} [params] of the key
     */
    offer(key, name, undo, params) {
      const button = el('button', { type: 'button', class: 'row-button', 'data-testid': 'undo' }, both('toast.undo'));
      const words = el('p', {}, el('b', {}, both(key, params)), name && el('span', { class: 'detail' }, pair(name)));
      const node = toast('done', [words, button], both('toast.dismiss'), UNDO_MS);
      const take = () => {
        if (!node.isConnected) return false;
        node.remove();
        undo();
        return true;
      };
      button.addEventListener('click', take);
      return take;
    },

    /** A failed action: what failed and why, by the reason. @param {unknown} error */
    complain(error) {
      const why = pair(whyOf(error, catalogue));
      show('failed', el('p', {}, el('b', {}, both('toast.failed')), el('span', { class: 'detail' }, why)));
    },

    start() {
      live.alarm.on(({ added, whole }) => {
        banner();
        if (whole) return;
        for (const alarm of [...added].map(id => live.alarm.get(id))) {
          if (alarm && isNews(alarm, sets) && beginsLine(alarm, live.alarm.all())) announce('alarm', alarm, 'toast.new_alarm', alarm.message || alarm.names);
        }
      });
      live.incident.on(({ added, whole }) => {
        banner();
        if (whole) return;
        for (const incident of [...added].map(id => live.incident.get(id))) {
          if (incident) announce('incident', incident, 'toast.new_incident', incident.titles || { zh: incident.title });
        }
      });
    },
  };
}
