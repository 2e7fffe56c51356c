// What a search finds on the page itself: values in, values out.
import { KINDS } from './live.mjs';

export const MOST = 9;
// what opens a card; what does not is a place on the map
export const WITH_CARD = ['alarm', 'incident', 'unit', 'sensor', 'warning', 'camera', 'facility', 'asset', 'row'];
// Of things that match equally well, the kind that stands first; streets before what is named after them.
const ORDER = ['place', 'incident', 'warning', 'alarm', 'unit', 'district', 'street', 'address', 'facility', 'area', 'sensor', 'camera', 'row', 'asset', 'building'];

/**
 * Something found: a thing with a title, or a place of which `hint` says what it is. `match`: 0 it is called that, 1 it begins so,
 * 2 holds it, more as the API says; `subtitle` (a row's layer, a unit's plate), `code`, `district` and `distance_m` tell apart what
 * bears one name.
 * @typedef {Thing & {
 *   title: Bilingual, hint?: Bilingual, subtitle?: Bilingual | null, match?: number, code?: string | null, district?: Bilingual | null, distance_m?: number | null,
 * }} Hit
 */

// ---- coordinates

const NUMBER = String.raw`[-+]?\d{1,3}(?:\.\d+)?`;
const ANGLE = String.raw`(${NUMBER})\s*(?:[°º\u5ea6]\s*(?:(\d{1,2}(?:\.\d+)?)\s*[′’'\u5206]\s*(?:(\d{1,2}(?:\.\d+)?)\s*(?:[″”"\u79d2]|'')\s*)?)?)?`;
const SIDE = String.raw`([NSEW]|[\u4e1c\u897f]\u7ecf|[\u5357\u5317]\u7eac)`;
const APART = String.raw`\s*[,，;；、\s]\s*`;
const LOOSE = String.raw`\s*[,，;；、]?\s*`;
const LETTERS_FIRST = new RegExp(`^${SIDE}\\s*${ANGLE}${LOOSE}${SIDE}\\s*${ANGLE}$`, 'i');
const LETTERS_LAST = new RegExp(`^${ANGLE}\\s*${SIDE}${LOOSE}${ANGLE}\\s*${SIDE}$`, 'i');
const BARE = new RegExp(`^${ANGLE}${APART}${ANGLE}$`);
/** @type {Record<string, { axis: 'lon' | 'lat', sign: number }>} */
const SIDES = {
  N: { axis: 'lat', sign: 1 }, S: { axis: 'lat', sign: -1 }, E: { axis: 'lon', sign: 1 }, W: { axis: 'lon', sign: -1 },
  \u5317\u7eac: { axis: 'lat', sign: 1 }, \u5357\u7eac: { axis: 'lat', sign: -1 }, \u4e1c\u7ecf: { axis: 'lon', sign: 1 }, \u897f\u7ecf: { axis: 'lon', sign: -1 },
};
const FULL = 60;
// what a datum moves a place by is far less than this, in degrees: a place at the edge is still the city's
const AROUND_CITY = 0.2;

/** Degrees of an angle; NaN where its minutes or seconds are none. @param {string} whole @param {string} [minutes] @param {string} [seconds] */
function degrees(whole, minutes = '0', seconds = '0') {
  if (Number(minutes) >= FULL || Number(seconds) >= FULL) return NaN;
  const size = Math.abs(Number(whole)) + Number(minutes) / FULL + Number(seconds) / (FULL * FULL);
  return whole.startsWith('-') ? -size : size;
}

/** Two angles and their sides, where the text says them. @param {string} text @returns {{ angles: number[], sides: string[] } | null} */
function anglesIn(text) {
  const first = text.match(LETTERS_FIRST);
  if (first) return { angles: [degrees(first[2], first[3], first[4]), degrees(first[6], first[7], first[8])], sides: [first[1], first[5]] };
  const last = text.match(LETTERS_LAST);
  if (last) return { angles: [degrees(last[1], last[2], last[3]), degrees(last[5], last[6], last[7])], sides: [last[4], last[8]] };
  const bare = text.match(BARE);
  return bare && { angles: [degrees(bare[1], bare[2], bare[3]), degrees(bare[4], bare[5], bare[6])], sides: [] };
}

/** @param {number} lon @param {number} lat */
const isPlace = (lon, lat) => Math.abs(lon) <= 180 && Math.abs(lat) <= 90;
/** @param {readonly number[] | null | undefined} bbox @param {number} lon @param {number} lat */
const isIn = (bbox, lon, lat) => Boolean(bbox && lon > bbox[0] - AROUND_CITY && lat > bbox[1] - AROUND_CITY && lon < bbox[2] + AROUND_CITY && lat < bbox[3] + AROUND_CITY);

/**
 * The place that a text names: in degrees, or degrees, minutes and seconds, with or without letters for the side. Without letters
 * the order is guessed: as it lies in the city, else longitude first where that can be, else latitude.
 * @param {string} text
 * @param {readonly number[] | null} [bbox] of the city: west, south, east, north
 * @returns {{ lon: number, lat: number } | null}
 */
export function placeIn(text, bbox) {
  const found = anglesIn(text.trim());
  if (!found) return null;
  const { angles: [a, b], sides } = found;
  if (sides.length) {
    const [one, other] = sides.map(side => SIDES[side.toUpperCase()]);
    if (one.axis === other.axis) return null;
    const [lon, lat] = one.axis === 'lon' ? [a * one.sign, b * other.sign] : [b * other.sign, a * one.sign];
    return isPlace(lon, lat) ? { lon, lat } : null;
  }
  if (isIn(bbox, a, b)) return { lon: a, lat: b };
  if (isIn(bbox, b, a)) return { lon: b, lat: a };
  if (isPlace(a, b)) return { lon: a, lat: b };
  return isPlace(b, a) ? { lon: b, lat: a } : null;
}

/** A place to fly to. @param {{ lon: number, lat: number }} place @param {Bilingual} hint @returns {Hit} */
export function placeHit({ lon, lat }, hint) {
  const words = `${+lon.toFixed(6)}, ${+lat.toFixed(6)}`;
  return { type: 'place', id: `${lon},${lat}`, title: { zh: words, en: words }, lon, lat, hint, match: 0 };
}

// ---- names

// type -> what of a thing is searched, its title first
/** @type {Partial<Record<Kind, (thing: any) => (Bilingual | string | null)[]>>} */
const SEARCHED = {
  incident: thing => [thing.titles || { zh: thing.title }, thing.number, thing.address],
  unit: thing => [thing.names, thing.id],
  sensor: thing => [thing.names, thing.id],
  alarm: thing => [thing.names, thing.id],
  warning: thing => [thing.names, thing.identifier, thing.area, thing.sender_name],
};

/** @param {Bilingual | string | null} part */
const namesIn = part => (typeof part === 'string' ? [part] : Object.values(part ?? {})).map(name => name.toLowerCase());

/** How well a name is what is asked for; null where it does not hold it. A number is meant by what it ends in too. @param {string} name @param {string} wanted */
function matchOf(name, wanted) {
  if (name === wanted || name.endsWith(`-${wanted}`)) return 0;
  return name.startsWith(wanted) ? 1 : name.includes(wanted) ? 2 : null;
}

/** @param {Hit} hit */
const rankOf = ({ type, match = 2 }) => match * ORDER.length + Math.max(0, ORDER.indexOf(type));

/** What is called so first, then what begins so, then what holds it; as many as there is room for. @param {Hit[]} hits */
const arranged = hits => [...hits].sort((a, b) => rankOf(a) - rankOf(b)).slice(0, MOST);

/** Live things of which some words hold the text, those that are meant first. @param {Live} live @param {string} text @returns {Hit[]} */
export function matching(live, text) {
  const wanted = text.trim().toLowerCase();
  const hits = KINDS.flatMap(type => {
    const parts = SEARCHED[type];
    if (!parts) return [];
    return /** @type {any[]} */ (live[type].all()).flatMap(thing => {
      const matches = parts(thing).flatMap(namesIn).map(name => matchOf(name, wanted)).filter(match => match !== null);
      const title = /** @type {Bilingual} */ (parts(thing)[0]);
      return matches.length ? [{ type, id: String(thing.id), title, lon: thing.lon, lat: thing.lat, code: thing.number ?? thing.id, match: Math.min(...matches) }] : [];
    });
  });
  return arranged(hits);
}

/** What was found here and there, each once and with all that is known of it, in one order. @param {Hit[]} here @param {Hit[]} there */
export function merged(here, there) {
  /** @type {Map<string, Hit>} */
  const all = new Map(there.map(hit => [`${hit.type} ${hit.id}`, hit]));
  for (const hit of here) all.set(`${hit.type} ${hit.id}`, { ...all.get(`${hit.type} ${hit.id}`), ...hit });
  return arranged([...here.map(hit => all.get(`${hit.type} ${hit.id}`) ?? hit), ...there.filter(({ type, id }) => !here.some(hit => hit.type === type && hit.id === id))]);
}

const KM_M = 1000;

/**
 * What tells a hit from others: what stands below its name, its code where another bears that, its district, and how far it is.
 * @param {Hit} hit
 * @param {Hit[]} among
 * @param {(key: string, params?: Record<string, unknown>) => Bilingual} texts
 * @returns {Bilingual[]}
 */
export function tellingOf(hit, among, texts) {
  const twin = among.some(other => other !== hit && other.type === hit.type && other.title.zh === hit.title.zh);
  const metres = hit.distance_m;
  return [
    ...(hit.subtitle ? [hit.subtitle] : []),
    ...(twin && hit.code ? [{ zh: hit.code, en: hit.code }] : []),
    ...(hit.district ? [hit.district] : []),
    ...(metres == null ? [] : [metres < KM_M ? texts('unit.m', { n: Math.round(metres) }) : texts('unit.km', { n: (metres / KM_M).toFixed(1) })]),
  ];
}
