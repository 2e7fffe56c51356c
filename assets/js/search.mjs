// Search over what is on the page at once and over the catalogue after a moment; coordinates fly there.
import { get } from './api.mjs';
import { el, setProps, whenThere } from './dom.mjs';
import { matching, merged, placeHit, placeIn, tellingOf, WITH_CARD } from './hits.mjs';
import { pair } from './words.mjs';

const COMBOBOX = { role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': 'search-results' };
const PAUSE_MS = 180;

/** @typedef {import('./hits.mjs').Hit} Hit */
/** `bbox` of the city, `middle` of what the map shows. @typedef {{ live: Live, words: Words, selection: Chosen, bbox: readonly number[] | null, middle: () => { lng: number, lat: number } | null }} Parts */

/** @param {Parts} parts @param {HTMLInputElement} field @param {HTMLElement} box */
function makeSearchBox({ live, words: { both, plain, texts }, selection, bbox, middle }, field, box) {
  /** @type {Hit[]} */
  let found = [];
  let at = -1;
  let asked = 0;

  /** @param {Hit} hit @param {number} index */
  function option(hit, index) {
    const title = el('span', { class: 'hit-title' }, pair(hit.title));
    const node = el('div', { role: 'option', id: `search-hit-${index}`, 'aria-selected': String(index === at) }, title,
      el('span', { class: 'quiet' }, hit.hint ? pair(hit.hint) : [...both(`card.type.${hit.type}`), ...tellingOf(hit, found, texts).flatMap(part => [' · ', ...pair(part)])]));
    node.addEventListener('pointerdown', event => { event.preventDefault(); choose(hit); });
    return node;
  }

  /** @param {string} [note] */
  function draw(note) {
    const open = Boolean(field.value.trim());
    box.hidden = !open;
    field.setAttribute('aria-expanded', String(open));
    if (at >= 0) field.setAttribute('aria-activedescendant', `search-hit-${at}`);
    else field.removeAttribute('aria-activedescendant');
    const rows = found.length ? found.map(option) : [el('p', { class: 'quiet' }, both('search.none'))];
    box.replaceChildren(...rows, ...(note ? [el('p', { class: 'quiet' }, both(note))] : []));
  }

  /** @param {string} text */
  async function ask(text) {
    const turn = ++asked;
    at = -1;
    const place = placeIn(text, bbox);
    found = place ? [placeHit(place, texts('search.datum', { datum: 'WGS 84' }))] : matching(live, text);
    draw();
    if (!text.trim()) return;
    await new Promise(resolve => setTimeout(resolve, PAUSE_MS));
    if (turn !== asked) return;
    try {
      const items = place ? await readings(place) : await named(text.trim());
      if (turn === asked) { found = merged(found, items); draw(); }
    } catch {
      if (turn === asked) draw('search.failed');
    }
  }

  /** Things of that name, the nearer to what is looked at first. @param {string} q @returns {Promise<Hit[]>} */
  async function named(q) {
    const here = middle();
    return (await get(`/api/search?${new URLSearchParams({ q, ...(here && { near: `${here.lng},${here.lat}` }) })}`)).items;
  }

  /** Where a place is if it was read in another datum. @param {{ lon: number, lat: number }} place @returns {Promise<Hit[]>} */
  async function readings({ lon, lat }) {
    /** @type {{ readings: { datum: string, lon: number, lat: number }[] }} */
    const { readings: read } = await get(`/api/datums?${new URLSearchParams({ lon: String(lon), lat: String(lat) })}`);
    return read.map(one => placeHit(one, texts('search.datum', { datum: one.datum })));
  }

  /** @param {Hit} hit */
  function choose(hit) {
    clear();
    field.blur();
    selection.select({ ...hit, type: WITH_CARD.includes(hit.type) ? hit.type : 'place', label: plain(hit.title) });
  }

  // Dash holds the field's value too: cleared only here, it would come back.
  function clear() {
    field.value = '';
    setProps('search', { value: '' });
    asked += 1;
    found = [];
    draw();
  }

  /** @type {Record<string, () => void>} */
  const KEYS = {
    ArrowDown: () => { at = Math.min(found.length - 1, at + 1); draw(); },
    ArrowUp: () => { at = Math.max(0, at - 1); draw(); },
    Enter: () => { const hit = found[Math.max(0, at)]; if (hit) choose(hit); },
    Escape: () => { clear(); field.blur(); },
  };

  field.addEventListener('input', () => ask(field.value));
  field.addEventListener('blur', () => { box.hidden = true; });
  field.addEventListener('keydown', event => {
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act();
    event.stopPropagation();
  });
}

/** @param {Parts} parts */
export function makeSearch(parts) {
  /** @type {HTMLInputElement | null} */
  let field = null;

  return {
    focus: () => field?.focus(),

    async start() {
      const input = /** @type {HTMLInputElement} */ (await whenThere('search'));
      const box = await whenThere('search-results');
      box.setAttribute('role', 'listbox');
      box.setAttribute('aria-label', parts.words.say('search.short'));
      for (const [name, value] of Object.entries(COMBOBOX)) input.setAttribute(name, value);
      const prompt = () => input.setAttribute('placeholder', parts.words.say('search.label'));
      prompt();
      window.addEventListener('onemap:lang', prompt);
      makeSearchBox(parts, input, box);
      field = input;
    },
  };
}
