// Search over what is on the page at once and over the catalogue after a moment; coordinates fly there.
import { get } from './api.mjs';
import { el, setProps, whenThere } from './dom.mjs';
import { live } from './live.mjs';
import { both, pair, plain, say } from './words.mjs';
import { select } from './selection.mjs';

const MOST = 9;
const PAUSE_MS = 180;
const LOCAL = { incident: thing => [thing.titles || { zh: thing.title }, thing.number, thing.address], unit: thing => [thing.names, thing.id], sensor: thing => [thing.names, thing.id], alarm: thing => [thing.names, thing.id] };
const COORDINATES = /^\s*(-?\d{1,3}(?:\.\d+)?)\s*[,，;\s]\s*(-?\d{1,2}(?:\.\d+)?)\s*$/;

let field = null;
let box = null;
let found = [];
let at = -1;
let asked = 0;

function coordinates(text) {
  const [, lon, lat] = (text.match(COORDINATES) || []).map(Number);
  if (!(Math.abs(lon) <= 180 && Math.abs(lat) <= 90)) return [];
  const key = say('search.coordinates');
  return [{ type: 'place', id: `${lon},${lat}`, title: { zh: `${lon}, ${lat}`, en: `${lon}, ${lat}` }, lon, lat, hint: key }];
}

function local(text) {
  const wanted = text.trim().toLowerCase();
  const matches = parts => parts.some(part => (typeof part === 'string' ? part : Object.values(part || {}).join(' ')).toLowerCase().includes(wanted));
  const hits = Object.entries(LOCAL).flatMap(([type, parts]) => live[type].all().filter(thing => matches(parts(thing).filter(Boolean)))
    .map(thing => ({ type, id: String(thing.id), title: parts(thing)[0], lon: thing.lon, lat: thing.lat })));
  return hits.slice(0, MOST);
}

function merge(first, second) {
  const seen = new Set(first.map(({ type, id }) => `${type} ${id}`));
  return [...first, ...second.filter(({ type, id }) => !seen.has(`${type} ${id}`))].slice(0, MOST);
}

const option = (hit, index) => el('div', { role: 'option', id: `search-hit-${index}`, 'aria-selected': String(index === at), onpointerdown: event => { event.preventDefault(); choose(hit); } },
  el('span', { class: 'hit-title' }, pair(hit.title)), el('span', { class: 'quiet' }, hit.hint ? hit.hint : both(`card.type.${hit.type}`)));

function draw(note) {
  const open = Boolean(field.value.trim());
  box.hidden = !open;
  field.setAttribute('aria-expanded', String(open));
  if (at >= 0) field.setAttribute('aria-activedescendant', `search-hit-${at}`);
  else field.removeAttribute('aria-activedescendant');
  const words = found.length ? found.map(option) : [el('p', { class: 'quiet' }, both('search.none'))];
  box.replaceChildren(...words, ...(note ? [el('p', { class: 'quiet' }, both(note))] : []));
}

async function ask(text) {
  const turn = ++asked;
  at = -1;
  found = merge(coordinates(text), local(text));
  draw();
  if (!text.trim()) return;
  await new Promise(resolve => setTimeout(resolve, PAUSE_MS));
  if (turn !== asked) return;
  try {
    const { items } = await get(`/api/search?${new URLSearchParams({ q: text.trim() })}`);
    if (turn === asked) { found = merge(found, items); draw(); }
  } catch {
    if (turn === asked) draw('search.failed');
  }
}

const CARDS = ['alarm', 'incident', 'unit', 'sensor', 'camera', 'facility', 'asset'];
function choose(hit) {
  clear();
  field.blur();
  select({ ...hit, type: CARDS.includes(hit.type) ? hit.type : 'place', label: plain(hit.title) });
}

// Dash holds the field's value too: cleared only here, it would come back.
function clear() {
  field.value = '';
  setProps('search', { value: '' });
  asked += 1;
  found = [];
  draw();
}

const KEYS = {
  ArrowDown: () => { at = Math.min(found.length - 1, at + 1); draw(); },
  ArrowUp: () => { at = Math.max(0, at - 1); draw(); },
  Enter: () => { const hit = found[Math.max(0, at)]; if (hit) choose(hit); },
  Escape: () => { clear(); field.blur(); },
};

export const focusSearch = () => field?.focus();

export async function startSearch() {
  field = await whenThere('search');
  box = await whenThere('search-results');
  box.setAttribute('role', 'listbox');
  box.setAttribute('aria-label', say('search.short'));
  for (const [name, value] of Object.entries({ role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': 'search-results' })) field.setAttribute(name, value);
  const prompt = () => field.setAttribute('placeholder', say('search.label'));
  prompt();
  window.addEventListener('onemap:lang', prompt);
  field.addEventListener('input', () => ask(field.value));
  field.addEventListener('blur', () => { box.hidden = true; });
  field.addEventListener('keydown', event => {
    if (!KEYS[event.key]) return;
    event.preventDefault();
    KEYS[event.key]();
    event.stopPropagation();
  });
}
