// The page of sources: who asks, three tabs, a look at the server every five seconds while somebody is watching.
import { get, toLogin } from '../api.mjs';
import { el, remember } from '../dom.mjs';
import { both, lang, page, setUp } from './words.mjs';
import { devicesTab } from './devices.mjs';
import { lettersTab } from './letters.mjs';
import { sourcesTab } from './list.mjs';
import { keepAges, me, notice, redraw } from './parts.mjs';

const EVERY_MS = 5000;
const tabs = { sources: sourcesTab(open), devices: devicesTab(), letters: lettersTab(open) };
const root = document.documentElement;
const panel = name => document.querySelector(`[data-panel="${name}"]`);
const tab = name => document.querySelector(`[data-tab="${name}"]`);
let shown = 'sources';

/** Shows a tab, and in it what `wish` names. */
function open(name, wish = null) {
  shown = tabs[name] ? name : 'sources';
  for (const key of Object.keys(tabs)) {
    panel(key).hidden = key !== shown;
    tab(key).setAttribute('aria-selected', String(key === shown));
    tab(key).tabIndex = key === shown ? 0 : -1;
  }
  history.replaceState(null, '', `#${shown}`);
  tabs[shown].show?.(wish);
  return look();
}

/** Reads what the shown tab and the counts need. Where that fails the last that was read stays, and it is said. */
async function look() {
  try {
    const counts = await Promise.all(Object.entries(tabs).map(async ([name, part]) => [name, await part.read(name === shown)]));
    for (const [name, count] of counts) count_(name, count);
    delete root.dataset.away;
  } catch (error) {
    if (error.status === 401) return toLogin();
    root.dataset.away = '1';
    const place = panel(shown);
    if (!place.childElementCount) redraw(place, notice('failed', 'sources.failed', error.status ? error.message : ''));
  }
  return undefined;
}

function count_(name, count) {
  const node = tab(name).querySelector('.tab-count');
  node.textContent = count || '';
}

const presses = {
  language: () => { remember('lang', lang() === 'zh' ? 'en' : 'zh'); location.reload(); },
  theme: () => { root.dataset.theme = root.dataset.theme === 'dark' ? 'light' : 'dark'; remember('theme', root.dataset.theme); },
};

function move(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const at = event.target.dataset?.tab;
  if (!step || !at) return;
  const all = Object.keys(tabs);
  const next = all[(all.indexOf(at) + step + all.length) % all.length];
  open(next);
  tab(next).focus();
}

function listen() {
  document.addEventListener('click', event => {
    const pressed = event.target.closest?.('[data-press]')?.dataset.press;
    if (pressed) presses[pressed]();
    const name = event.target.closest?.('[data-tab]')?.dataset.tab;
    if (name) open(name);
  });
  document.querySelector('[role=tablist]').addEventListener('keydown', move);
  window.addEventListener('sources:changed', look);
  window.addEventListener('hashchange', () => open(location.hash.slice(1)));
  document.addEventListener('visibilitychange', () => { if (!document.hidden) look(); });
  setInterval(() => { if (!document.hidden) look(); }, EVERY_MS);
}

async function start() {
  const [who, city, vocabulary, catalogue] = await Promise.all([get('/api/me'), get('/api/city'), get('/api/vocabulary'), get('/api/catalogue')]);
  setUp(catalogue, city.timezone);
  Object.assign(page, { me: who, vocabulary });
  document.querySelector('[data-who]').replaceChildren(me().name || me().username, ' · ', ...both(`role.${me().role}`));
  for (const [name, part] of Object.entries(tabs)) part.place(panel(name));
  document.querySelector('.notice-loading').remove();
  listen();
  keepAges();
  await open(location.hash.slice(1));
  root.dataset.ready = '1';
}

function failed(error) {
  if (error.status === 401) return toLogin();
  const again = el('button', { type: 'button', class: 'action', onclick: () => location.reload() }, document.querySelector('#cover-retry').content.cloneNode(true));
  return document.querySelector('#cover').replaceChildren(document.querySelector('#cover-failed').content.cloneNode(true), el('p', { class: 'detail' }, error.message), again);
}

start().catch(failed);
