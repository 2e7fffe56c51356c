// Legend swatches: the mark of the map where the layer has one, else a patch in the layer's colour.
import { drawIcon, facilityExample, isMark } from './map/icons.mjs';
import { token } from './tokens.mjs';

/** @param {string} key */
const digit = key => (key.match(/[1-4]/) || ['4'])[0];

// layer -> the mark that stands for one line of its legend
/** @type {Record<string, (key: string) => string>} */
const MARKS = {
  incidents: key => `incident-${digit(key)}-open`,
  alarms: key => `alarm-${digit(key)}-waiting`,
  units: key => `unit-${key}-available`,
  cameras: () => 'camera',
  video_events: key => (key === 'urgent' ? 'video-fire-1' : 'video-camera-0'),
  facilities: key => `facility-${facilityExample(key)}`,
};
const LINES = ['streets', 'districts'];
const LARGEST = 24;

/** @param {HTMLElement} node */
const layerOf = node => /** @type {HTMLElement | null} */ (node.closest('[data-layer]'))?.dataset.layer ?? '';

/** @param {HTMLElement} node */
const markOf = node => node.dataset.swatch || MARKS[layerOf(node)]?.(node.dataset.legend ?? '');

// theme and name -> its picture: a list of units repeats few marks. Drawings for the one document, never anything but what they were.
/** @type {Map<string, ReturnType<typeof picture>>} */
const pictures = new Map();

/** @param {string} name */
async function picture(name) {
  const icon = drawIcon(name);
  return icon && { url: URL.createObjectURL(await icon.canvas.convertToBlob()), size: icon.size };
}

/** @param {HTMLElement} node @param {string} name */
async function paintMark(node, name) {
  const key = `${document.documentElement.dataset.theme} ${name}`;
  const drawing = pictures.get(key) ?? picture(name);
  pictures.set(key, drawing);
  const drawn = await drawing;
  if (!drawn) return;
  node.style.backgroundImage = `url(${drawn.url})`;
  node.style.backgroundSize = `${Math.min(drawn.size, LARGEST)}px`;
}

/** @param {HTMLElement} node */
export function paintSwatch(node) {
  const mark = markOf(node);
  node.dataset.painted = node.dataset.swatch || node.dataset.token || 'none';
  if (mark && isMark(mark)) return paintMark(node, mark);
  node.classList.toggle('line', LINES.includes(layerOf(node)));
  node.style.backgroundColor = token(node.dataset.token || 'muted') || token('muted');
}
