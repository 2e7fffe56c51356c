// Figures of the pages: figures.js is a classic script, run here beside a document of one language and one theme.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createContext, runInContext } from 'node:vm';

const SOURCE = readFileSync(new URL('../../assets/js/pages/figures.js', import.meta.url), 'utf8');
const TOKENS = { '--line': ' #112233 ' };

/** The script beside a page of this language, on a screen that is pointed at by a finger or not. */
function load({ lang = 'zh', coarse = false } = {}) {
  const listened = [];
  const replaced = [];
  const window = { addEventListener: (name, work) => listened.push([name, work]), dash_clientside: { no_update: 'no_update', other: 1 } };
  runInContext(SOURCE, createContext({
    window,
    document: { documentElement: { dataset: { lang, theme: 'dark' } }, addEventListener() {}, querySelector: () => null, getElementById: () => null },
    getComputedStyle: () => ({ getPropertyValue: name => TOKENS[name] ?? '' }),
    matchMedia: () => ({ matches: coarse }),
    history: { state: 7, replaceState: (...given) => replaced.push(given) },
    location: { hash: '' },
    CSS: { escape: one => one },
    URLSearchParams,
  }));
  return { ...window.dash_clientside, window, replaced };
}

const FIGURE = {
  data: [{ text: [{ zh: '甲', en: 'A' }, '--line'], geojson: { zh: 1, en: 2 }, more: { zh: 'x', en: 'y', de: 'z' } }],
  layout: { font: { color: '--line' }, dragmode: 'pan' },
};

test('words are those of the page, colours those of its theme, shapes stay as they are', () => {
  const { figures } = load({ lang: 'en' });
  const made = JSON.parse(JSON.stringify(figures.speak(FIGURE)));
  assert.deepEqual(made.data[0], { text: ['A', '#112233'], geojson: { zh: 1, en: 2 }, more: { zh: 'x', en: 'y', de: 'z' } });
  assert.deepEqual(made.layout, { font: { color: '#112233' }, dragmode: 'pan' });
  assert.equal(load().figures.speak(FIGURE).data[0].text[0], '甲');
});

test('what was given is not changed: it is spoken once more in another language', () => {
  const { figures } = load({ coarse: true });
  assert.equal(figures.speak(FIGURE).layout.dragmode, false);
  assert.equal(FIGURE.layout.dragmode, 'pan');
});

test('nothing is no figure, and what else Dash has stays', () => {
  const { figures, other } = load();
  assert.equal(figures.speak(null), 'no_update');
  assert.equal(other, 1);
});

test('the question stands in the address without a step back', () => {
  const { figures, replaced } = load();
  figures.address('subject=assets&by=h3%3A8');
  figures.address(null);
  assert.deepEqual(replaced, [[7, '', '#subject=assets&by=h3%3A8']]);
});

test('no map fetches the coasts of the world', () => {
  assert.deepEqual(Object.keys(load().window.PlotlyGeoAssets.topojson), ['world_110m']);
});
