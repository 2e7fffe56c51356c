// Texts in both languages, times in the city's zone, durations in words.
import { el } from './dom.mjs';

const LANGS = ['zh', 'en'];
let catalogue = {};
let zone = 'UTC';

export const lang = () => document.documentElement.dataset.lang;
const locale = () => (lang() === 'zh' ? 'zh-CN' : 'en-GB');

export function setUp(texts, timezone) {
  catalogue = texts;
  zone = timezone;
}

/** One catalogue text in the language of the page; the key itself where it is missing. */
export const say = (key, params = {}) => fill((catalogue[key] || {})[lang()] ?? key, params);

const fill = (text, params) => text.replace(/\{(\w+)\}/g, (whole, name) => params[name] ?? whole);

/** A `{zh, en}` object as two spans; CSS shows one. */
export const pair = text => LANGS.map(code => el('span', { lang: code }, (text && (text[code] || text.zh || text.en)) || ''));

/** A catalogue text as two spans. */
export const both = (key, params = {}) => LANGS.map(code => el('span', { lang: code }, fill((catalogue[key] || {})[code] ?? key, params)));

/** Just the words of a `{zh, en}` object in the language of the page. */
export const plain = text => (text && (text[lang()] || text.zh || text.en)) || '';

const STEPS = [[60, 1, 's'], [3600, 60, 'min'], [86400, 3600, 'h'], [Infinity, 86400, 'd']];

export function duration(seconds) {
  const [, size, unit] = STEPS.find(([limit]) => seconds < limit);
  return say(`unit.${unit}`, { n: Math.floor(seconds / size) });
}

/** How long ago a moment was, in words. */
export function ago(iso) {
  const seconds = (Date.now() - Date.parse(iso)) / 1000;
  if (Number.isNaN(seconds)) return '';
  return seconds < 5 ? say('unit.now') : say('unit.ago', { t: duration(seconds) });
}

const formats = new Map();
function format(name, options) {
  const key = `${name}${locale()}${zone}`;
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat(locale(), { timeZone: zone, hourCycle: 'h23', ...options }));
  return formats.get(key);
}

export const clock = date => format('clock', { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(date);
export const day = date => format('day', { month: 'short', day: 'numeric', weekday: 'short' }).format(date);

/** A moment: the time alone where it is today, with the day otherwise. */
export function moment(iso) {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return '';
  return day(date) === day(new Date()) ? clock(date) : `${day(date)} ${clock(date)}`;
}

/** Wall-clock text of a moment in the city's zone, as Plotly's date axis takes it. */
export function zoned(iso) {
  const parts = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  return parts.format(new Date(iso));
}

export const figure = value => (value == null ? '–' : String(+Number(value).toFixed(2)));
