// The edges of the panels: dragged or moved with the arrow keys, remembered in this browser, back to the design by a double click.
import { remember, remembered } from './dom.mjs';
import { forget } from './tokens.mjs';

// side -> [least, most] width in pixels, and the direction in which dragging to the right changes it
const PANELS = { left: { least: 230, most: 520, way: 1 }, right: { least: 330, most: 760, way: -1 }, card: { least: 340, most: 680, way: -1 } };
const SHARE = 0.45;
const STEP = 16;
const root = document.documentElement;
const widths = remembered('widths', {});

const panelOf = edge => edge.parentElement;
const limits = side => [PANELS[side].least, Math.max(PANELS[side].least, Math.min(PANELS[side].most, innerWidth * SHARE))];

function describe(edge) {
  const [least, most] = limits(edge.dataset.edge);
  const now = Math.round(panelOf(edge).getBoundingClientRect().width);
  Object.entries({ valuenow: now, valuemin: Math.round(least), valuemax: Math.round(most) }).forEach(([name, value]) => edge.setAttribute(`aria-${name}`, value));
}

function resize(edge, width) {
  const side = edge.dataset.edge;
  const [least, most] = limits(side);
  widths[side] = Math.round(Math.max(least, Math.min(most, width)));
  root.style.setProperty(`--${side}`, `${widths[side]}px`);
  settle(edge);
}

function settle(edge) {
  forget();
  remember('widths', widths);
  describe(edge);
}

function reset(edge) {
  delete widths[edge.dataset.edge];
  root.style.removeProperty(`--${edge.dataset.edge}`);
  settle(edge);
}

function drag(edge, start) {
  const from = panelOf(edge).getBoundingClientRect().width;
  const { way } = PANELS[edge.dataset.edge];
  const move = event => resize(edge, from + way * (event.clientX - start.clientX));
  edge.setPointerCapture(start.pointerId);
  edge.addEventListener('pointermove', move);
  edge.addEventListener('lostpointercapture', () => edge.removeEventListener('pointermove', move), { once: true });
  start.preventDefault();
}

function key(edge, event) {
  const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
  if (!step) return;
  event.preventDefault();
  resize(edge, panelOf(edge).getBoundingClientRect().width + PANELS[edge.dataset.edge].way * step);
}

export function startEdges() {
  for (const edge of document.querySelectorAll('[data-edge]')) {
    edge.addEventListener('pointerdown', event => drag(edge, event));
    edge.addEventListener('dblclick', () => reset(edge));
    edge.addEventListener('keydown', event => key(edge, event));
    edge.addEventListener('focus', () => describe(edge));
  }
}
