// The words of a phone's page in the language it is in.
import { keep, keptText } from '../dom.mjs';

/** @param {FieldWords} catalogue */
export function makeSay({ words, tables }) {
  /** @returns {Lang} */
  const lang = () => (document.documentElement.dataset.lang === 'en' ? 'en' : 'zh');
  /** @param {Partial<Bilingual> | null | undefined} text */
  const plain = text => text?.[lang()] || text?.zh || text?.en || '';
  /** @param {string} key @param {Record<string, string | number>} [params] */
  const say = (key, params = {}) => plain(words[key]).replace(/\{(\w+)\}/g, (whole, name) => String(params[name] ?? whole));
  /** The words for a key of a table; the key itself where it has none. @param {string} table @param {string} key */
  const label = (table, key) => plain(tables[table]?.[key]) || key;

  /** @param {Lang} to */
  function speak(to) {
    document.documentElement.dataset.lang = to;
    document.documentElement.lang = to === 'en' ? 'en' : 'zh-CN';
    document.title = say('field.title');
    keep('field-lang', to);
  }

  speak(keptText('field-lang') === 'en' ? 'en' : 'zh');
  /** @param {string | number} moment */
  const clock = moment => new Date(moment).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
  return { say, label, plain, clock, keys: /** @param {string} table */ table => Object.keys(tables[table] ?? {}), turn: () => speak(lang() === 'en' ? 'zh' : 'en') };
}
