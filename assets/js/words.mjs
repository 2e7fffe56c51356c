// Texts in both languages, times in the city's zone, durations in words.
import { el } from './dom.mjs';

/** @type {Lang[]} */
export const LANGS = ['zh', 'en'];

/** The language the page is in. @returns {Lang} */
export const pageLang = () => (document.documentElement.dataset.lang === 'en' ? 'en' : 'zh');

/** A field that is itself in both languages is filled in in that of the text. @param {string} text @param {Record<string, any>} params @param {Lang} code */
export const fill = (text, params, code) =>
  text.replace(/\{(\w+)\}/g, (whole, name) => String(params[name]?.[code] ?? params[name] ?? whole));

/** @param {Partial<Bilingual> | null | undefined} text @param {Lang} code */
const inLang = (text, code) => text?.[code] || text?.zh || text?.en || '';

/** A `{zh, en}` object as two spans; CSS shows one. @param {Partial<Bilingual> | null | undefined} text */
export const pair = text => LANGS.map(code => el('span', { lang: code }, inLang(text, code)));

/** @param {number | null | undefined} value */
export const figure = value => (value == null ? '–' : String(+Number(value).toFixed(2)));

// up to so many seconds, seconds of one, its unit
/** @type {[number, number, string][]} */
const STEPS = [[60, 1, 's'], [3600, 60, 'min'], [86400, 3600, 'h'], [Infinity, 86400, 'd']];
const NOW_S = 5;

/**
 * The words of one city: its catalogue, its zone, and the language that is asked for at each call.
 * @param {Texts} catalogue
 * @param {string} zone
 * @param {() => Lang} [lang]
 */
export function makeWords(catalogue, zone, lang = pageLang) {
  /** @type {Map<string, Intl.DateTimeFormat>} */
  const formats = new Map();

  /**
   * One catalogue text in both languages; the key itself where it is missing.
   * @param {string} key
   * @param {Record<string, unknown>} [params]
   */
  const texts = (key, params = {}) => {
    const text = catalogue[key];
    return { zh: fill(text?.zh ?? key, params, 'zh'), en: fill(text?.en ?? key, params, 'en') };
  };
  /** The same in the language of the page. @param {string} key @param {Record<string, unknown>} [params] */
  const say = (key, params) => texts(key, params)[lang()];
  /** The same as two spans. @param {string} key @param {Record<string, unknown>} [params] */
  const both = (key, params) => pair(texts(key, params));
  /** Just the words of a `{zh, en}` object in the language of the page. @param {Partial<Bilingual> | null | undefined} text */
  const plain = text => inLang(text, lang());

  /** @param {number} seconds */
  function duration(seconds) {
    const [, size, unit] = STEPS.find(([limit]) => seconds < limit) ?? STEPS[STEPS.length - 1];
    return say(`unit.${unit}`, { n: Math.floor(seconds / size) });
  }

  /** How long ago a moment was, in words. @param {string} iso @param {number} [now] */
  function ago(iso, now = Date.now()) {
    const seconds = (now - Date.parse(iso)) / 1000;
    if (Number.isNaN(seconds)) return '';
    return seconds < NOW_S ? say('unit.now') : say('unit.ago', { t: duration(seconds) });
  }

  /** @param {string} name @param {Intl.DateTimeFormatOptions} options */
  function format(name, options) {
    const locale = lang() === 'zh' ? 'zh-CN' : 'en-GB';
    const key = `${name} ${locale}`;
    const made = formats.get(key) ?? new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: 'h23', ...options });
    formats.set(key, made);
    return made;
  }

  /** @param {Date} date */
  const clock = date => format('clock', { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(date);
  /** @param {Date} date */
  const day = date => format('day', { month: 'short', day: 'numeric', weekday: 'short' }).format(date);

  /** @param {Date} date */
  const minute = date => format('minute', { hour: '2-digit', minute: '2-digit' }).format(date);
  /** @param {Date} date */
  const year = date => format('year', { year: 'numeric' }).format(date);
  /** The day, with its year where that is another. @param {Date} date @param {Date} now */
  const dated = (date, now) => {
    const other = year(date) === year(now) ? {} : { year: /** @type {const} */ ('numeric') };
    return format(`dated ${Object.keys(other)}`, { month: 'short', day: 'numeric', ...other }).format(date);
  };

  /** @param {string} iso @param {Date} now @param {(date: Date) => string} today @param {(date: Date) => string} another */
  const told = (iso, now, today, another) => {
    const date = new Date(iso);
    if (Number.isNaN(date.getTime())) return '';
    return dated(date, now) === dated(now, now) ? today(date) : another(date);
  };

  /** A moment: the time to the second where it is today, else day and minute. @param {string} iso @param {Date} [now] */
  const moment = (iso, now = new Date()) => told(iso, now, clock, date => `${dated(date, now)} ${minute(date)}`);
  /** Until when. @param {string} iso @param {Date} [now] */
  const deadline = (iso, now = new Date()) =>
    told(iso, now, date => say('deadline.today', { t: minute(date) }), date => say('deadline.day', { d: dated(date, now), t: minute(date) }));

  const wallClock = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' });
  /** Wall-clock text of a moment in the city's zone, as Plotly's date axis takes it. @param {string} iso */
  const zoned = iso => wallClock.format(new Date(iso));

  /** @param {string} timeZone @param {Date} date */
  const wallIn = (timeZone, date) => new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' }).format(date);
  /** @param {Date} date @returns {Bilingual} */
  const zoneAt = date => /** @type {any} */ (Object.fromEntries(LANGS.map(code => {
    const parts = new Intl.DateTimeFormat(code === 'zh' ? 'zh-CN' : 'en-GB', { timeZone: zone, timeZoneName: 'long' }).formatToParts(date);
    return [code, parts.find(({ type }) => type === 'timeZoneName')?.value ?? zone];
  })));
  /** What the city's zone is called; null where the clock on the wall behind this screen says the same. @param {Date} [now] @param {string} [here] */
  const zoneNames = (now = new Date(), here = Intl.DateTimeFormat().resolvedOptions().timeZone) =>
    (wallIn(here, now) === wallIn(zone, now) ? null : zoneAt(now));

  return { lang, texts, say, both, pair, plain, duration, ago, clock, day, moment, deadline, zoned, zoneNames };
}
