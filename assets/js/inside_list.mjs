// What stands inside an area, one after the other: a page of a layer at a time, each opens its card or its place on the map.
import { send, whyOf } from './api.mjs';
import { el } from './dom.mjs';
import { WITH_CARD } from './hits.mjs';
import { pair } from './words.mjs';

const AT_ONCE = 50;

/**
 * Which features of a layer are listed: all that are inside, or those of which a filter (CQL2) is true.
 * @typedef {{ layer: string, filter?: string }} Listed
 * @typedef {{ type: string, id: string, title: Bilingual | null, lon: number, lat: number, values: Record<string, unknown> }} Inside
 */

/** Where a page of them is asked for. @param {Listed} listed @param {string | null} cursor */
export function pageOf({ layer, filter }, cursor) {
  const said = new URLSearchParams({ limit: String(AT_ONCE), ...(filter && { filter }), ...(cursor !== null && { cursor }) });
  return `/api/within/${encodeURIComponent(layer)}?${said}`;
}

/** What one is called and what tells it from others of that name. @param {Inside} thing @returns {{ title: Bilingual | null, code: string }} */
export function calledOf({ title, id, type, values }) {
  const code = String(values.number ?? values.code ?? values.key ?? (type === 'row' ? id.slice(id.indexOf('/') + 1) : id));
  const says = type === 'alarm' ? '' : code;
  return { title, code: title && [title.zh, title.en].includes(says) ? '' : says };
}

/** What is selected by choosing one. @param {Inside} thing @param {string} label @returns {Thing} */
export const thingOf = ({ type, id, lon, lat }, label) => (WITH_CARD.includes(type) ? { type, id, lon, lat, label } : { type: 'place', id: `${type}/${id}`, lon, lat, label });

/**
 * @param {{ words: Words, catalogue: Texts, selection: Chosen, geometry: unknown, title: Bilingual, listed: Listed, back: () => void }} parts
 * @returns {HTMLElement}
 */
export function makeInsideList({ words, catalogue, selection, geometry, title, listed, back }) {
  const { both } = words;
  const rows = el('ul', { class: 'inside-list', 'data-testid': 'inside-list' });
  const foot = el('div', { 'aria-live': 'polite' });

  /** @param {Inside} thing */
  function row(thing) {
    const called = calledOf(thing);
    const name = called.title ? pair(called.title) : both(`card.type.${thing.type}`);
    const choose = () => selection.select(thingOf(thing, called.title?.[words.lang()] ?? called.code));
    return el('li', {}, el('button', { type: 'button', onclick: choose }, el('span', {}, ...name), el('span', { class: 'quiet figures' }, called.code)));
  }

  /** @param {string | null} cursor */
  async function more(cursor) {
    foot.replaceChildren(el('p', { class: 'quiet' }, both('lists.loading')));
    try {
      const page = await send('POST', pageOf(listed, cursor), geometry);
      rows.append(.../** @type {Inside[]} */ (page.items).map(row));
      foot.replaceChildren(...(page.next === null ? [] : [el('button', { type: 'button', class: 'action', 'data-testid': 'inside-more', onclick: () => more(page.next) }, both('inside.more'))]));
    } catch (error) {
      foot.replaceChildren(el('p', { class: 'warned' }, pair(whyOf(error, catalogue))));
    }
  }

  more(null);
  const head = el('div', { class: 'inside-list-head' }, el('button', { type: 'button', class: 'action', 'data-testid': 'inside-back', onclick: back }, both('inside.back')), el('h3', {}, pair(title)));
  return el('div', {}, head, rows, foot);
}
