// What lies at the place that was pressed, as a list, where it is more than one thing: nothing hides below another.
import { el } from '../dom.mjs';
import { LEVELS, ROMAN } from '../tokens.mjs';
import { pair } from '../words.mjs';

const MOST = 20;
const WIDTH = 290;

/**
 * Something at that place, as it is drawn.
 * @typedef {{ type: string, id: string, level: number | null, names: Bilingual, lon: number, lat: number }} Found
 */

/** The worst first; what has no level last. @param {Found[]} found */
export const worstFirst = found => [...found].sort((a, b) => (a.level || LEVELS.length + 1) - (b.level || LEVELS.length + 1));

/**
 * Each thing once, however many of its marks were hit.
 * @param {Found[]} found
 */
export const each = found => [...new Map(found.map(one => [`${one.type} ${one.id}`, one])).values()];

/** @param {{ both: Words['both'], select: (found: Found) => void }} parts */
export function makeHere({ both, select }) {
  /** @type {HTMLElement | null} */
  let open = null;
  function close() {
    open?.remove();
    open = null;
  }

  /** @param {Found} one */
  function row(one) {
    const badge = one.level ? el('span', { class: `level level-${one.level}` }, el('span', {}, ROMAN[one.level])) : el('span', { class: 'level level-none' });
    const press = () => { close(); select(one); };
    return el('li', {}, el('button', { type: 'button', class: 'here-row', onclick: press, 'data-here': `${one.type}/${one.id}` },
      badge, el('span', { class: 'row-title' }, pair(one.names)), el('span', { class: 'quiet' }, both(`card.type.${one.type}`))));
  }

  /** @param {KeyboardEvent} event @param {HTMLElement} list */
  function onKey(event, list) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key !== 'Escape' && !step) return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) return close();
    const rows = /** @type {HTMLElement[]} */ ([...list.querySelectorAll('button')]);
    rows[rows.indexOf(/** @type {HTMLElement} */ (document.activeElement)) + step]?.focus();
  }

  return {
    close,

    /** @param {{ x: number, y: number }} point @param {Found[]} found @param {number} count of what lies there in all */
    show({ x, y }, found, count) {
      close();
      const more = count > MOST ? [el('p', { class: 'quiet' }, both('here.more', { n: count - MOST }))] : [];
      const list = el('ul', {}, worstFirst(found).slice(0, MOST).map(row));
      const node = el('div', { id: 'here', class: 'panel', role: 'dialog', 'aria-labelledby': 'here-title' },
        el('h3', { id: 'here-title' }, both('here.title', { n: count })), list, more);
      node.style.left = `${Math.max(8, Math.min(x + 12, innerWidth - WIDTH - 8))}px`;
      node.style.top = `${Math.max(70, Math.min(y - 20, innerHeight - 60 - Math.min(found.length, MOST) * 36))}px`;
      node.addEventListener('keydown', event => onKey(event, node));
      document.body.append(node);
      open = node;
      node.querySelector('button')?.focus({ preventScroll: true });
    },
  };
}
