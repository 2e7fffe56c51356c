// What a search finds on the page itself: values in, values out.
import { KINDS } from './live.mjs';

export const MOST = 9;
const COORDINATES = /^\s*(-?\d{1,3}(?:\.\d+)?)\s*[,，;\s]\s*(-?\d{1,2}(?:\.\d+)?)\s*$/;

/**
 * Something found: a thing with a title, or a place of which `hint` says what it is.
 * @typedef {Thing & { title: Bilingual, hint?: string }} Hit
 */

// type -> what of a thing is searched, its title first
/** @type {Partial<Record<Kind, (thing: any) => (Bilingual | string | null)[]>>} */
const SEARCHED = {
  incident: thing => [thing.titles || { zh: thing.title }, thing.number, thing.address],
  unit: thing => [thing.names, thing.id],
  sensor: thing => [thing.names, thing.id],
  alarm: thing => [thing.names, thing.id],
  warning: thing => [thing.names, thing.identifier, thing.area, thing.sender_name],
};

/**
 * Longitude and latitude in degrees as a place to fly to; nothing for other words.
 * @param {string} text
 * @param {string} hint
 * @returns {Hit[]}
 */
export function coordinatesIn(text, hint) {
  const [, lon, lat] = (text.match(COORDINATES) ?? []).map(Number);
  if (!(Math.abs(lon) <= 180 && Math.abs(lat) <= 90)) return [];
  const words = `${lon}, ${lat}`;
  return [{ type: 'place', id: `${lon},${lat}`, title: { zh: words, en: words }, lon, lat, hint }];
}

/** @param {Bilingual | string | null} part */
const wordsIn = part => (typeof part === 'string' ? part : Object.values(part ?? {}).join(' ')).toLowerCase();

/** Whether it is asked for by its whole name, id or number, or by what that ends in. @param {string} words @param {string} wanted */
const isMeant = (words, wanted) => words === wanted || words.endsWith(`-${wanted}`);

/** Live things of which some words hold the text, those that are meant first. @param {Live} live @param {string} text @returns {Hit[]} */
export function matching(live, text) {
  const wanted = text.trim().toLowerCase();
  const hits = KINDS.flatMap(type => {
    const parts = SEARCHED[type];
    if (!parts) return [];
    return /** @type {any[]} */ (live[type].all())
      .map(thing => ({ thing, words: parts(thing).map(wordsIn) }))
      .filter(({ words }) => words.some(part => part.includes(wanted)))
      .map(({ thing, words }) => ({
        meant: words.some(part => isMeant(part, wanted)),
        hit: { type, id: String(thing.id), title: /** @type {Bilingual} */ (parts(thing)[0]), lon: thing.lon, lat: thing.lat },
      }));
  });
  return hits.sort((a, b) => Number(b.meant) - Number(a.meant)).slice(0, MOST).map(({ hit }) => hit);
}

/** The first, then of the second what is not among them. @param {Hit[]} first @param {Hit[]} second */
export function merged(first, second) {
  const seen = new Set(first.map(({ type, id }) => `${type} ${id}`));
  return [...first, ...second.filter(({ type, id }) => !seen.has(`${type} ${id}`))].slice(0, MOST);
}
