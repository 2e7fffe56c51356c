// Legend swatches: the mark of the map where the layer has one, else a patch in the layer's colour.
import { drawIcon, facilityExample, isMark } from './map/icons.mjs';
import { token } from './tokens.mjs';

const BADGES = { incidents: key => `incident-${digit(key)}-open`, alarms: key => `alarm-${digit(key)}-unacknowledged` };
const MARKS = { units: key => `unit-${key}-available`, cameras: () => 'camera', video_events: key => (key === 'urgent' ? 'video-fire-1' : 'video-camera-0'), facilities: key => `facility-${facilityExample(key)}` };
const LINES = ['streets', 'districts'];

const digit = key => (key.match(/[1-4]/) || ['4'])[0];

function markOf(node) {
  const layer = node.closest('[data-layer]')?.dataset.layer;
  const make = MARKS[layer] || BADGES[layer];
  return node.dataset.swatch || (make && make(node.dataset.legend));
}

// theme and name -> promise of {url, size}: a list of units repeats few marks
const pictures = new Map();

async function picture(name) {
  const { canvas, size } = drawIcon(name);
  return { url: URL.createObjectURL(await canvas.convertToBlob()), size };
}

async function paintMark(node, name) {
  const key = `${document.documentElement.dataset.theme} ${name}`;
  if (!pictures.has(key)) pictures.set(key, picture(name));
  const { url, size } = await pictures.get(key);
  node.style.backgroundImage = `url(${url})`;
  node.style.backgroundSize = `${Math.min(size, 24)}px`;
}

export function paintSwatch(node) {
  const mark = markOf(node);
  node.dataset.painted = node.dataset.swatch || node.dataset.token || 'none';
  if (mark && isMark(mark)) return paintMark(node, mark);
  const layer = node.closest('[data-layer]')?.dataset.layer;
  node.classList.toggle('line', LINES.includes(layer));
  node.style.backgroundColor = token(node.dataset.token || 'muted') || token('muted');
}
