// Every mark of the map, drawn on demand from its name: `family-part-part`. The legend uses the same drawings.
import { ROMAN, token, levelColour, levelInk } from '../tokens.mjs';
import { drawPictogram } from './pictograms.mjs';

const RATIO = 2;

/** @param {Pen} g @param {number} r */
const circle = (g, r) => { g.beginPath(); g.arc(0, 0, r, 0, 7); };
/** @param {Pen} g @param {number[][]} points */
const polygon = (g, points) => { g.beginPath(); for (const [x, y] of points) g.lineTo(x, y); g.closePath(); };

// Level is shape as well as colour: diamond, triangle, square, circle.
/** @type {Record<number, (g: Pen, r: number) => void>} */
export const LEVEL_SHAPES = {
  1: (g, r) => polygon(g, [[0, -r * 1.25], [r * 1.25, 0], [0, r * 1.25], [-r * 1.25, 0]]),
  2: (g, r) => polygon(g, [[0, -r * 1.25], [r * 1.25, r * 0.95], [-r * 1.25, r * 0.95]]),
  3: (g, r) => { g.beginPath(); g.roundRect(-r, -r, 2 * r, 2 * r, 2.5); },
  4: (g, r) => circle(g, r),
};
/** @type {Record<number, number>} */
const NUMERAL_DROP = { 2: 2.6 };

/** @param {Pen} g @param {string | CanvasGradient | null} fill @param {string} [stroke] @param {number} [width] */
function finish(g, fill, stroke, width = 1) {
  if (stroke) { g.strokeStyle = stroke; g.lineWidth = width; g.lineJoin = 'round'; g.stroke(); }
  if (fill) { g.fillStyle = fill; g.fill(); }
}

/** @param {Pen} g @param {number} level @param {string} colour @param {number} size */
function numeral(g, level, colour, size) {
  g.fillStyle = colour;
  g.font = `700 ${size}px Barlow, sans-serif`;
  g.textAlign = 'center';
  g.textBaseline = 'middle';
  g.fillText(ROMAN[level], 0, (NUMERAL_DROP[level] || 0) + 0.6);
}

/** @param {Pen} g @param {number} level @param {number} r @param {boolean} lively */
function levelMark(g, level, r, lively) {
  LEVEL_SHAPES[level](g, r);
  finish(g, lively ? levelColour(level) : token('panel-solid'), lively ? token('map-ground') : levelColour(level), lively ? 3 : 2.2);
  if (!lively) { g.fillStyle = token('panel-solid'); LEVEL_SHAPES[level](g, r - 1); g.fill(); }
  numeral(g, level, lively ? levelInk(level) : levelColour(level), r * 1.12);
}


/** @param {Pen} g @param {number} level @param {string} status */
function incident(g, level, status) {
  const waiting = status === 'open';
  g.beginPath();
  g.moveTo(0, 17);
  g.bezierCurveTo(-3, 10, -12, 6, -12, -4);
  g.arc(0, -4, 12, Math.PI, 0);
  g.bezierCurveTo(12, 6, 3, 10, 0, 17);
  finish(g, levelColour(level), token('map-ground'), 3);
  g.save();
  g.translate(0, -4);
  circle(g, 8.4);
  if (!waiting) finish(g, token('panel-solid'));
  g.fillStyle = waiting ? levelInk(level) : token('text');
  g.font = `700 ${waiting ? 12.5 : 10.5}px Barlow, sans-serif`;
  g.textAlign = 'center';
  g.textBaseline = 'middle';
  g.fillText(ROMAN[level], 0, 0.6);
  g.restore();
}

const BUSY = ['assigned', 'en_route', 'on_scene'];

/** @param {Pen} g @param {string} kind @param {string} status */
function unit(g, kind, status) {
  const colour = status === 'out_of_service' ? token('unit-out') : token(`unit-${kind}`);
  const busy = BUSY.includes(status);
  circle(g, 10);
  finish(g, busy ? colour : token('unit-ground'), token('map-ground'), 3.4);
  circle(g, 9.4);
  if (!busy) finish(g, null, colour, 1.4);
  drawPictogram(g, kind, 12.5, busy ? token('unit-ink') : colour);
  if (status === 'on_scene') { circle(g, 12.2); finish(g, null, colour, 1.5); }
  if (status === 'out_of_service') { g.beginPath(); g.moveTo(-7, 7); g.lineTo(7, -7); finish(g, null, colour, 1.8); }
}

/** @param {Pen} g @param {string} kind @param {string} level */
function sensor(g, kind, level) {
  const worst = Number(level);
  const colour = worst ? levelColour(worst) : token('sensor');
  g.beginPath();
  g.roundRect(-8.5, -8.5, 17, 17, 8.5);
  finish(g, worst ? colour : token('unit-ground'), token('map-ground'), 2.6);
  circle(g, 8);
  if (!worst) finish(g, null, colour, 1);
  drawPictogram(g, kind, 11, worst ? levelInk(worst) : colour);
}

/** @param {Pen} g @param {string} kind @param {string} colour @param {number} [width] */
function plain(g, kind, colour, width = 16) {
  g.beginPath();
  g.roundRect(-width / 2, -width / 2, width, width, width / 4);
  finish(g, token('unit-ground'), token('map-ground'), 2);
  drawPictogram(g, kind, width * 0.72, colour);
}

/**
 * Something a camera saw: the corners of a viewfinder; filled where it cannot wait.
 * @param {Pen} g
 * @param {string} kind
 * @param {string} urgent
 */
function video(g, kind, urgent) {
  const busy = urgent === '1';
  const colour = token(busy ? 'video-urgent' : 'video');
  g.beginPath();
  g.roundRect(-10, -10, 20, 20, 5);
  finish(g, busy ? colour : token('unit-ground'), token('map-ground'), 3);
  drawPictogram(g, kind, 12.5, busy ? token('video-ink') : colour);
  if (busy) return;
  g.beginPath();
  for (const [x, y] of [[-1, -1], [1, -1], [1, 1], [-1, 1]]) {
    g.moveTo(x * 9.2, y * 4.5);
    g.lineTo(x * 9.2, y * 9.2);
    g.lineTo(x * 4.5, y * 9.2);
  }
  finish(g, null, colour, 1.4);
}

/** @param {Pen} g */
function heading(g) {
  polygon(g, [[0, -17], [4.2, -11.5], [-4.2, -11.5]]);
  finish(g, token('heading'), token('map-ground'), 1.6);
}

/** @param {Pen} g @param {string} level */
function glow(g, level) {
  const fading = g.createRadialGradient(0, 0, 6, 0, 0, 30);
  fading.addColorStop(0, levelColour(level));
  fading.addColorStop(1, `${levelColour(level)}00`);
  g.globalAlpha = 0.55;
  circle(g, 30);
  finish(g, fading);
}

/**
 * A cluster: its number inside a ring split by level, the worst first.
 * @param {Pen} g
 * @param {number[]} counts
 */
function ring(g, counts) {
  const total = counts.reduce((sum, n) => sum + n, 0);
  const r = Math.min(19, 12 + Math.log2(total));
  circle(g, r + 2.5);
  finish(g, token('map-ground'));
  circle(g, r - 2);
  finish(g, token('panel-solid'));
  let from = -Math.PI / 2;
  counts.forEach((n, index) => {
    if (!n) return;
    const to = from + (n / total) * Math.PI * 2;
    g.beginPath();
    g.arc(0, 0, r - 0.5, from, to);
    g.strokeStyle = levelColour(index + 1);
    g.lineWidth = 4.5;
    g.stroke();
    from = to;
  });
  g.fillStyle = token('text');
  g.font = '600 12.5px Barlow, sans-serif';
  g.textAlign = 'center';
  g.textBaseline = 'middle';
  g.fillText(String(total), 0, 0.5);
}

// What a facility is to somebody who commands: help, people to protect, danger.
/** @type {Record<string, string[]>} */
const FACILITY_GROUPS = {
  rescue: ['hospital', 'fire_station', 'police_station', 'ambulance_station', 'shelter'],
  sensitive: ['school', 'kindergarten', 'nursing_home'],
  hazardous: ['hazardous_site', 'gas_station'],
};
/** @param {string} kind */
const facilityGroup = kind => Object.keys(FACILITY_GROUPS).find(group => FACILITY_GROUPS[group].includes(kind)) || 'other';

/** A kind that stands for its group in the legend. @param {string} group */
export const facilityExample = group => FACILITY_GROUPS[group]?.[0] || group;

// family -> [size in pixels, draw(g, ...parts)]
/** @type {Record<string, [number, (g: Pen, ...parts: string[]) => void]>} */
const FAMILIES = {
  alarm: [34, (g, level, state) => levelMark(g, Number(level), 10, state === 'waiting')],
  incident: [40, (g, level, status) => incident(g, Number(level), status)],
  unit: [30, unit],
  sensor: [24, sensor],
  video: [28, video],
  camera: [20, g => plain(g, 'camera', token('camera'))],
  facility: [20, (g, kind) => plain(g, kind, token(`facility-${facilityGroup(kind)}`))],
  own: [24, (g, kind, ...colour) => plain(g, kind, token(colour.join('-')), 19)],
  heading: [40, heading],
  glow: [60, glow],
  ring: [48, (g, ...counts) => ring(g, counts.map(Number))],
};

/** @param {string} name */
export const isMark = name => name.split('-')[0] in FAMILIES;

/** The drawing of a mark as ImageData with its pixel ratio; null for a name of no family. @param {string} name */
export function drawIcon(name) {
  const [family, ...parts] = name.split('-');
  if (!FAMILIES[family]) return null;
  const [size, draw] = FAMILIES[family];
  const canvas = new OffscreenCanvas(size * RATIO, size * RATIO);
  const g = /** @type {Pen} */ (canvas.getContext('2d', { willReadFrequently: true }));
  g.scale(RATIO, RATIO);
  g.translate(size / 2, size / 2);
  draw(g, ...parts);
  return { canvas, size, image: g.getImageData(0, 0, size * RATIO, size * RATIO), pixelRatio: RATIO };
}

/**
 * Serves marks to the map as it asks for them. The result draws them again, for when the theme has changed.
 * @param {MapLibre} map
 */
export function serveIcons(map) {
  /** @type {Set<string>} */
  const served = new Set();
  map.setMissingStyleImageResolver(id => {
    const icon = map.hasImage(id) ? null : drawIcon(id);
    if (!icon) return;
    served.add(id);
    map.addImage(id, icon.image, { pixelRatio: icon.pixelRatio });
  });
  return () => {
    for (const id of served) {
      const icon = map.hasImage(id) ? drawIcon(id) : null;
      if (icon) map.updateImage(id, icon.image);
    }
  };
}
