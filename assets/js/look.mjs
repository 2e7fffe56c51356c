// Language, theme, folded panels, the sheet that is open on a phone: chosen here, remembered in this browser and with the account. The document holds
// what is chosen; who draws something else by it hears `onemap:lang`, `onemap:theme`, `onemap:sheet`.
import { around, byId, keptText, remember, remembered, setProps } from './dom.mjs';
import { pageLang } from './words.mjs';
import { forget } from './tokens.mjs';

/** @typedef {'left' | 'right'} Side */

/** @param {'lang' | 'theme' | 'sheet'} what */
const tell = what => window.dispatchEvent(new Event(`onemap:${what}`));

/** For this view. @param {Lang} code */
export function showLang(code) {
  const root = document.documentElement;
  root.dataset.lang = code;
  root.lang = code === 'zh' ? 'zh-CN' : 'en';
  tell('lang');
}

/** @param {Lang} code */
function setLang(code) {
  showLang(code);
  remember('lang', code);
}

/** What boot.js has set by what this browser remembered, by what the person has chosen (chosen.mjs). */
export function takeLook() {
  const { dataset, style } = document.documentElement;
  const lang = keptText('lang');
  if (lang && lang !== dataset.lang) showLang(lang === 'en' ? 'en' : 'zh');
  dataset.theme = keptText('theme') === 'light' ? 'light' : 'dark';
  /** @type {Record<string, number>} */
  const widths = remembered('widths', {});
  for (const side of ['left', 'right', 'card']) {
    if (side in widths) style.setProperty(`--${side}`, `${widths[side]}px`);
    else style.removeProperty(`--${side}`);
  }
}

const theme = () => (document.documentElement.dataset.theme === 'light' ? 'light' : 'dark');

/** @param {'dark' | 'light'} wanted */
function setTheme(wanted) {
  document.documentElement.dataset.theme = wanted;
  remember('theme', wanted);
  forget();
  setProps('theme-provider', { forceColorScheme: wanted });
  tell('theme');
}

/** @param {Side} side @param {boolean} folded */
function fold(side, folded) {
  document.body.dataset[side] = folded ? 'folded' : 'open';
  remember(side, folded);
  byId(`${side}-fold`)?.setAttribute('aria-expanded', String(!folded));
}

/** @param {Side} side */
const isFolded = side => document.body.dataset[side] === 'folded';

/** What a press of each control does. */
export const lookControls = {
  'language-switch': () => setLang(pageLang() === 'zh' ? 'en' : 'zh'),
  'theme-switch': () => setTheme(theme() === 'dark' ? 'light' : 'dark'),
  'left-fold': () => fold('left', !isFolded('left')),
  'right-fold': () => fold('right', !isFolded('right')),
};

/** Mantine starts dark: where light was chosen it is told. */
export function startTheme() {
  if (theme() === 'light') setProps('theme-provider', { forceColorScheme: 'light' });
}

export function startLook() {
  startTheme();
  for (const side of /** @type {Side[]} */ (['left', 'right'])) fold(side, remembered(side, false));
  document.body.dataset.card = 'closed';
  document.body.dataset.sheet = 'lists';
  document.addEventListener('click', event => {
    const sheet = around(event, '[data-sheet]')?.closest('button')?.dataset.sheet;
    if (!sheet) return;
    document.body.dataset.sheet = sheet;
    tell('sheet');
  });
}
