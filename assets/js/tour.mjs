// A short tour of the page for who sees it for the first time: a few sentences, each beside what it speaks of. It blocks nothing, can be
// left at any moment, and is called again from the list of keys.
import { el, isRemembered, remember } from './dom.mjs';

// what each step stands beside, and its key in the catalogue (tour.…)
const STEPS = [['.figures', 'figures'], ['#right-panel', 'lists'], ['#layer-tree', 'layers'], ['#map-controls', 'map'], ['#keys-open', 'keys']];
const GAP = 12;
const WIDTH = 320;

/** @param {{ words: Words }} parts */
export function makeTour({ words: { both } }) {
  /** @type {HTMLElement | null} */
  let node = null;

  function end() {
    node?.remove();
    node = null;
    document.querySelector('[data-toured]')?.removeAttribute('data-toured');
    remember('tour', true);
  }

  /** Beside the part, where there is room in the window. @param {Element} part @param {HTMLElement} card */
  function place(part, card) {
    const { left, right, top, bottom } = part.getBoundingClientRect();
    const under = bottom + GAP + 180 < innerHeight;
    const x = left > WIDTH + 2 * GAP && !under ? left - WIDTH - GAP : Math.min(Math.max(GAP, left), innerWidth - WIDTH - GAP);
    const beside = right + WIDTH + 2 * GAP < innerWidth && !under ? right + GAP : x;
    card.style.left = `${Math.max(GAP, under ? x : beside)}px`;
    card.style.top = `${under ? bottom + GAP : Math.max(GAP, Math.min(top, innerHeight - 220))}px`;
  }

  /** @param {number} at */
  function show(at) {
    document.querySelector('[data-toured]')?.removeAttribute('data-toured');
    const [step] = STEPS.slice(at);
    const part = step && document.querySelector(step[0]);
    if (!step) return end();
    if (!part?.checkVisibility()) return show(at + 1);
    part.setAttribute('data-toured', '');
    const last = at === STEPS.length - 1;
    const next = el('button', { type: 'button', class: 'action primary', 'data-testid': 'tour-next', onclick: () => show(at + 1) }, both(last ? 'tour.done' : 'tour.next'));
    const leave = el('button', { type: 'button', class: 'action', 'data-testid': 'tour-skip', onclick: end }, both('tour.skip'));
    node?.remove();
    node = el('div', { id: 'tour', class: 'panel', role: 'dialog', 'aria-labelledby': 'tour-title' },
      el('h2', { id: 'tour-title' }, both(`tour.${step[1]}.title`)), el('p', {}, both(`tour.${step[1]}`)), el('div', { class: 'ask-end' }, ...(last ? [] : [leave]), next));
    document.body.append(node);
    place(part, node);
    next.focus({ preventScroll: true });
  }

  return {
    begin: () => show(0),
    /** For who has not seen it, in a city that is there to be looked at. @param {City} city */
    offer(city) {
      if (city.simulated && !isRemembered('tour') && !document.querySelector('dialog[open]')) show(0);
    },
    end,
  };
}
