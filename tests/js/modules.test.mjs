// How the modules of the pages are made: main.mjs of each puts them together, none keeps a state of its own, nothing hangs on a global.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

const FOLDER = new URL('../../assets/js/', import.meta.url);
const names = readdirSync(FOLDER, { recursive: true }).map(String).filter(name => /\.m?js$/.test(name));
const sources = Object.fromEntries(names.map(name => [name, readFileSync(new URL(name, FOLDER), 'utf8')]));

test('there are modules to look at', () => assert.ok(names.length > 30 && names.includes('map/map.mjs')));

for (const [name, source] of Object.entries(sources)) {
  test(`${name} keeps no state at module level`, () => assert.deepEqual(source.match(/^(export )?(let|var) .*/gm) ?? [], []));
  test(`${name} puts nothing of ours on window`, () => {
    assert.deepEqual((source.match(/(window|globalThis)\.onemap\b/g) ?? []), []);
    const ours = (source.match(/\bwindow\.(\w+) = /g) ?? []).filter(place => !/dash_clientside|dashAgGrid(Component)?Functions|PlotlyGeoAssets/.test(place));
    assert.deepEqual(ours, []);
  });
}

test('which statuses are an end, and which alarms wait, is told by the server', () => {
  const spelled = Object.entries(sources).filter(([, source]) => /'(returned_unacknowledged|latched_\w+|suppressed_by_design|cancelled)'/.test(source));
  assert.deepEqual(spelled.map(([name]) => name), []);
});

const MAINS = ['main.mjs', 'pages/main.mjs'];

test('only main.mjs starts and makes the parts', () => {
  const makers = Object.entries(sources).filter(([name, source]) => !MAINS.includes(name) && /^import .*\b(makeLive|makeWords|makeSelection|startMap|startLists)\b/m.test(source));
  assert.deepEqual(makers.map(([name]) => name), []);
});
