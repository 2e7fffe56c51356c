// The part of the map that no panel covers, as MapLibre padding.
import { byId } from '../dom.mjs';
import { token } from '../tokens.mjs';

const PHONE = matchMedia('(max-width: 820px)');
/** @param {string} id @returns {DOMRect | null} */
const box = id => {
  const node = byId(id);
  return node?.checkVisibility() ? node.getBoundingClientRect() : null;
};

/** @param {string} name */
const width = name => parseFloat(token(name)) + 2 * parseFloat(token('gap'));
const SHEET_SHARE = 0.52;
// a panel that is folded to its head leaves the map the room below it
const FOLDED = 120;

/** @param {number} extra */
function onPhone(extra) {
  const sheets = ['left-panel', 'right-panel', 'card'].map(box).filter(sheet => sheet !== null);
  // Before a sheet is laid out: the room that it will leave.
  const settled = sheets.length > 0 || document.body.dataset.sheet === 'map';
  const top = settled ? Math.min(innerHeight, ...sheets.map(sheet => sheet.top)) : innerHeight * (1 - SHEET_SHARE);
  const head = Math.max(60, box('banner')?.bottom ?? 0);
  return { top: head + extra, left: extra, right: extra, bottom: Math.min(innerHeight - top, innerHeight * 0.62) + extra };
}

/** Before the panels are there, the room that they will leave. @param {number} [extra] pixels beside it */
export function roomForMap(extra = 0) {
  if (PHONE.matches) return onPhone(extra);
  if (!byId('right-panel')) return { top: 64 + extra, bottom: 24 + extra, left: width('left') + extra, right: width('right') + extra };
  const layers = box('left-panel');
  const left = layers && layers.height > FOLDED ? layers.right : 0;
  const right = Math.min(innerWidth, ...['right-panel', 'card'].map(box).filter(panel => panel !== null).map(panel => panel.left));
  return { top: 64 + extra, bottom: 24 + extra, left: left + extra, right: innerWidth - right + extra };
}

/** The middle of that part, from the middle of the window, in pixels: where what is flown to comes to lie. @returns {[number, number]} */
export function middleOfRoom() {
  const { left, right, top, bottom } = roomForMap();
  return [(left - right) / 2, (top - bottom) / 2];
}
