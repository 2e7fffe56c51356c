// Language, theme, folded panels, the sheet that is open on a phone: chosen here, remembered in this browser.
import { byId, remember, remembered, setProps } from './dom.mjs';
import { lang } from './words.mjs';
import { forget } from './tokens.mjs';
import { refreshAges, repaintSwatches } from './ages.mjs';
import { setMapLang } from './map/map.mjs';

const root = document.documentElement;

export function setLang(code) {
  root.dataset.lang = code;
  root.lang = code === 'zh' ? 'zh-CN' : 'en';
  remember('lang', code);
  setMapLang(code);
  refreshAges();
  window.dispatchEvent(new Event('onemap:lang'));
}

function setTheme(theme) {
  root.dataset.theme = theme;
  remember('theme', theme);
  forget();
  setProps('theme-provider', { forceColorScheme: theme });
  repaintSwatches();
  window.dispatchEvent(new Event('onemap:theme'));
}

function fold(side, folded) {
  document.body.dataset[side] = folded ? 'folded' : 'open';
  remember(side, folded);
  byId(`${side}-fold`)?.setAttribute('aria-expanded', String(!folded));
}

const folded = side => document.body.dataset[side] === 'folded';

/** What a press of each control does. */
export const lookControls = {
  'language-switch': () => setLang(lang() === 'zh' ? 'en' : 'zh'),
  'theme-switch': () => setTheme(root.dataset.theme === 'dark' ? 'light' : 'dark'),
  'left-fold': () => fold('left', !folded('left')),
  'right-fold': () => fold('right', !folded('right')),
};

export function startLook() {
  if (root.dataset.theme === 'light') setProps('theme-provider', { forceColorScheme: 'light' });
  for (const side of ['left', 'right']) fold(side, remembered(side, false));
  document.body.dataset.card = 'closed';
  document.body.dataset.sheet = 'lists';
  document.addEventListener('click', event => {
    const sheet = event.target.closest?.('[data-sheet]:is(button)')?.dataset.sheet;
    if (!sheet) return;
    document.body.dataset.sheet = sheet;
    window.dispatchEvent(new Event('onemap:sheet'));
  });
}
