// What is drawn on the map by hand: a place with a radius, a polygon, a line with a band, the district or cell at a place. Points become a shape that `/api/within`
// answers for, and what is shown meanwhile. Pure.

/** @typedef {'circle' | 'polygon' | 'line' | 'area'} Mode */
/** @typedef {{ mode: Mode, points: Place[], done: boolean }} Sketch */

/** @param {Mode} mode @returns {Sketch} */
export const blank = mode => ({ mode, points: [], done: false });

const NEEDED = { circle: 1, polygon: 3, line: 2, area: 1 };
/** Whether one press says it all. @param {Mode} mode */
export const isOnePress = mode => NEEDED[mode] === 1;

/** A point more; of what one press says there is one, and what was done begins anew. @param {Sketch} sketch @param {Place} point @returns {Sketch} */
export function withPoint({ mode, points, done }, point) {
  if (isOnePress(mode)) return { mode, points: [point], done: true };
  return { mode, points: done ? [point] : [...points, point], done: false };
}

/** Without the last point. @param {Sketch} sketch @returns {Sketch} */
export const withoutLast = ({ mode, points }) => ({ mode, points: points.slice(0, -1), done: false });

/** Whether there is enough of it to be asked for. @param {Sketch} sketch */
export const isWhole = ({ mode, points }) => points.length >= NEEDED[mode];

/** Done, where it is whole. Points that follow each other at one place (a double press) are one. @param {Sketch} sketch @returns {Sketch} */
export function finished(sketch) {
  const points = sketch.points.filter(([lon, lat], at, all) => !at || lon !== all[at - 1][0] || lat !== all[at - 1][1]);
  return { ...sketch, points, done: isWhole({ ...sketch, points }) };
}

/** What is asked for: the body of `/api/within`. @param {Sketch} sketch @param {number} radius in metres @param {string} [of] of what the area at a place is */
export function asked({ mode, points }, radius, of = 'district') {
  if (mode === 'area') return { type: 'Point', coordinates: points[0], of };
  if (mode === 'circle') return { type: 'Point', coordinates: points[0], radius_m: radius };
  if (mode === 'line') return { type: 'LineString', coordinates: points, radius_m: radius };
  return { type: 'Polygon', coordinates: [[...points, points[0]]] };
}

/** What is seen of it: its area once that is known, its points and the line between them. @param {Sketch} sketch @param {any} area @param {Place | null} [pointer] */
export function drawn({ mode, points, done }, area, pointer = null) {
  const feature = (/** @type {any} */ geometry) => ({ type: 'Feature', properties: {}, geometry });
  const line = !done && pointer ? [...points, pointer] : points;
  return {
    type: 'FeatureCollection',
    features: [
      ...(area ? [feature(area)] : []),
      ...(!isOnePress(mode) && line.length > 1 ? [feature({ type: 'LineString', coordinates: line })] : []),
      ...points.map(point => feature({ type: 'Point', coordinates: point })),
    ],
  };
}
