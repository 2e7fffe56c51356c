// The edges of the panels: dragged or moved with the arrow keys, remembered in this browser, back to the design by a double click.
import { remember, remembered } from './dom.mjs';
import { forget } from './tokens.mjs';

// side -> [least, most] width in pixels, and the direction in which dragging to the right changes it
/** @type {Record<string, { least: number, most: number, way: 1 | -1 }>} */
const PANELS = { left: { least: 230, most: 520, way: 1 }, right: { least: 330, most: 760, way: -1 }, card: { least: 340, most: 680, way: -1 } };
const SHARE = 0.45;
const STEP = 16;

/**
 * The width that a panel takes where `wanted` is asked for in a window so wide.
 * @param {string} side
 * @param {number} wanted
 * @param {number} room
 */
export function fitting(side, wanted, room) {
  const [least, most] = limits(side, room);
  return Math.round(Math.max(least, Math.min(most, wanted)));
}

/** @param {string} side @param {number} room */
const limits = (side, room) => [PANELS[side].least, Math.max(PANELS[side].least, Math.min(PANELS[side].most, room * SHARE))];

/** @param {HTMLElement} edge */
const sideOf = edge => edge.dataset.edge ?? '';
/** @param {HTMLElement} edge */
const widthOf = edge => edge.parentElement?.getBoundingClientRect().width ?? 0;

/** @param {HTMLElement} edge */
function describe(edge) {
  const [least, most] = limits(sideOf(edge), innerWidth);
  const told = { valuenow: widthOf(edge), valuemin: least, valuemax: most };
  for (const [name, value] of Object.entries(told)) edge.setAttribute(`aria-${name}`, String(Math.round(value)));
}

/** @param {Record<string, number>} widths by side, as remembered */
function makeResizer(widths) {
  const { style } = document.documentElement;

  /** @param {HTMLElement} edge */
  function settle(edge) {
    forget();
    remember('widths', widths);
    describe(edge);
  }

  return {
    /** @param {HTMLElement} edge @param {number} width */
    resize(edge, width) {
      const side = sideOf(edge);
      widths[side] = fitting(side, width, innerWidth);
      style.setProperty(`--${side}`, `${widths[side]}px`);
      settle(edge);
    },
    /** @param {HTMLElement} edge */
    reset(edge) {
      delete widths[sideOf(edge)];
      style.removeProperty(`--${sideOf(edge)}`);
      settle(edge);
    },
  };
}

/** @param {HTMLElement} edge @param {PointerEvent} start @param {(width: number) => void} resize */
function drag(edge, start, resize) {
  const from = widthOf(edge);
  const { way } = PANELS[sideOf(edge)];
  /** @param {PointerEvent} event */
  const move = event => resize(from + way * (event.clientX - start.clientX));
  edge.setPointerCapture(start.pointerId);
  edge.addEventListener('pointermove', move);
  edge.addEventListener('lostpointercapture', () => edge.removeEventListener('pointermove', move), { once: true });
  start.preventDefault();
}

/** @param {HTMLElement} edge @param {KeyboardEvent} event @param {(width: number) => void} resize */
function press(edge, event, resize) {
  const step = event.key === 'ArrowLeft' ? -STEP : event.key === 'ArrowRight' ? STEP : 0;
  if (!step) return;
  event.preventDefault();
  resize(widthOf(edge) + PANELS[sideOf(edge)].way * step);
}

export function startEdges() {
  const { resize, reset } = makeResizer(remembered('widths', {}));
  for (const edge of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-edge]'))) {
    /** @param {number} width */
    const to = width => resize(edge, width);
    edge.addEventListener('pointerdown', event => drag(edge, event, to));
    edge.addEventListener('dblclick', () => reset(edge));
    edge.addEventListener('keydown', event => press(edge, event, to));
    edge.addEventListener('focus', () => describe(edge));
  }
}
