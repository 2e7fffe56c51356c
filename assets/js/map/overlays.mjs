// What lives on the map: units, incidents, alarms, sensors, risk, facilities, cameras and what they see. One table row per layer.
import { token, levelColour, LEVELS } from '../tokens.mjs';
import { NAME } from './style.mjs';

/** @param {number} far @param {number} near @returns {Expression} */
const BY_ZOOM = (far, near) => ['interpolate', ['linear'], ['zoom'], 10, far, 15, near];
const ALWAYS = { 'icon-allow-overlap': true, 'icon-ignore-placement': true };
const UNDER_ICON = { 'text-font': ['Plain'], 'text-size': 11, 'text-anchor': 'top', 'text-offset': [0, 1.15], 'text-optional': true };
const ink = () => ({ 'text-color': token('label-mark'), 'text-halo-color': token('map-halo'), 'text-halo-width': 1.5 });
const fade = ['case', ['==', ['get', 'stale'], true], 0.4, 1];
/** @param {string} field @returns {Expression} */
const byLevel = field => ['match', ['get', field], 1, levelColour(1), 2, levelColour(2), 3, levelColour(3), 4, levelColour(4), 'rgba(0,0,0,0)'];

/** @param {number} level */
const countOf = level => [`l${level}`, ['+', ['case', ['==', ['get', 'level'], level], 1, 0]]];
// Alarms and incidents are gathered by place at every zoom, so that none lies under another; the nearest ones first where they are many.
const MATTERS = {
  cluster: true, clusterRadius: 34, maxzoom: 20, clusterMaxZoom: 19,
  clusterProperties: { level: ['min', ['get', 'level']], ...Object.fromEntries(LEVELS.map(countOf)) },
};
/** @returns {Expression} */
const ringName = () => ['concat', 'ring-', ...LEVELS.flatMap(n => [['to-string', ['get', `l${n}`]], n < 4 ? '-' : ''])];
const gathered = ['has', 'point_count'];

/**
 * @param {string} id
 * @param {string} source
 * @param {Expression} icon
 * @param {Expression} size
 * @param {Layer} [more]
 * @returns {Layer}
 */
const mark = (id, source, icon, size, more = {}) => ({ id, type: 'symbol', source, layout: { 'icon-image': icon, 'icon-size': size, ...ALWAYS }, ...more });

// A cell says where to look from afar; near by it would only tint the streets.
/** @param {number} share @returns {Expression} */
const byScore = share => ['interpolate', ['linear'], ['coalesce', ['get', 'score'], 0], 2, 0, 4, 0.06 * share, 6, 0.17 * share, 10, 0.34 * share];

/** @returns {Layer[]} */
function riskLayers() {
  return [
    { id: 'risk-fill', type: 'fill', source: 'risk_cells', paint: { 'fill-color': byLevel('level'), 'fill-opacity': ['interpolate', ['linear'], ['zoom'], 12.5, byScore(1), 15, byScore(0.25)] } },
    { id: 'risk-edge', type: 'line', source: 'risk_cells', paint: { 'line-color': byLevel('level'), 'line-opacity': ['interpolate', ['linear'], ['zoom'], 12.5, byScore(1.8), 15, byScore(0.7)], 'line-width': 0.8 } },
  ];
}

/** @returns {Layer[]} */
function sensorLayers() {
  return [
    {
      id: 'sensor-dot', type: 'circle', source: 'sensors', maxzoom: 13.6, filter: ['==', ['get', 'level'], 0],
      paint: { 'circle-radius': BY_ZOOM(1.5, 3), 'circle-color': token('sensor'), 'circle-opacity': ['*', 0.8, fade] },
    },
    {
      id: 'sensor-mark', type: 'symbol', source: 'sensors', minzoom: 13.6, filter: ['==', ['get', 'level'], 0],
      layout: { 'icon-image': ['get', 'icon'], 'icon-size': BY_ZOOM(0.5, 0.95), ...ALWAYS, ...UNDER_ICON, 'text-field': ['step', ['zoom'], '', 15.6, ['get', 'reading']] },
      paint: { ...ink(), 'icon-opacity': fade, 'text-opacity': fade },
    },
    {
      id: 'sensor-bad', type: 'symbol', source: 'sensors', filter: ['>', ['get', 'level'], 0],
      layout: { 'icon-image': ['get', 'icon'], 'icon-size': BY_ZOOM(0.7, 1.05), ...ALWAYS, ...UNDER_ICON, 'text-field': ['step', ['zoom'], '', 13.5, ['get', 'reading']] }, paint: ink(),
    },
  ];
}

/** The colour of the signal; one without a colour has a grey edge. @returns {Layer[]} */
function warningLayers() {
  const colour = ['match', ['get', 'level'], ...LEVELS.flatMap(level => [level, levelColour(level)]), token('label-mark')];
  return [
    { id: 'warning-area', type: 'fill', source: 'warnings', paint: { 'fill-color': colour, 'fill-opacity': 0.1 } },
    { id: 'warning-edge', type: 'line', source: 'warnings', paint: { 'line-color': colour, 'line-width': BY_ZOOM(2, 3.5), 'line-dasharray': [3, 2] } },
  ];
}

/** @returns {Layer[]} */
function unitLayers() {
  return [
    mark('unit-heading', 'units', 'heading', BY_ZOOM(0.5, 0.95), {
      minzoom: 12, filter: ['==', ['get', 'moving'], true], layout: { 'icon-image': 'heading', 'icon-size': BY_ZOOM(0.5, 0.95), 'icon-rotate': ['get', 'heading'], 'icon-rotation-alignment': 'map', ...ALWAYS }, paint: { 'icon-opacity': fade },
    }),
    {
      id: 'unit-mark', type: 'symbol', source: 'units',
      layout: { 'icon-image': ['get', 'icon'], 'icon-size': BY_ZOOM(0.5, 1), ...ALWAYS, ...UNDER_ICON, 'symbol-sort-key': ['get', 'rank'], 'text-field': ['step', ['zoom'], '', 14, NAME] },
      paint: { ...ink(), 'icon-opacity': fade, 'text-opacity': fade },
    },
  ];
}

const paler = ['match', ['get', 'fading'], 0, 1, 1, 0.75, 0.5];

// The quiet ones are dots from afar; what cannot wait is a mark at every scale, and lies on top.
/** @returns {Layer[]} */
function videoLayers() {
  const urgent = ['==', ['get', 'urgent'], true];
  const layout = { 'icon-image': ['get', 'icon'], ...ALWAYS, ...UNDER_ICON, 'symbol-sort-key': ['get', 'at'] };
  const paint = { ...ink(), 'icon-opacity': paler, 'text-opacity': paler };
  return [
    {
      id: 'video-dot', type: 'circle', source: 'video_events', maxzoom: 12.5, filter: ['!', urgent],
      paint: { 'circle-radius': BY_ZOOM(1.8, 3.6), 'circle-color': token('video'), 'circle-opacity': paler },
    },
    {
      id: 'video-mark', type: 'symbol', source: 'video_events', minzoom: 12.5, filter: ['!', urgent],
      layout: { ...layout, 'icon-size': BY_ZOOM(0.5, 0.9), 'text-field': ['step', ['zoom'], '', 15.5, NAME] }, paint,
    },
    {
      id: 'video-urgent', type: 'symbol', source: 'video_events', filter: urgent,
      layout: { ...layout, 'icon-size': BY_ZOOM(0.65, 1), 'text-field': ['step', ['zoom'], '', 14, NAME] }, paint,
    },
  ];
}

/** Rings and marks in one layer, by level: the worst is drawn last and lies on top. @returns {Layer[]} */
function matterLayers() {
  const isIncident = ['==', ['get', 'kind'], 'incident'];
  const worst = ['-', 5, ['get', 'level']];
  const named = ['case', gathered, '', NAME];
  return [
    {
      id: 'matter-glow', type: 'symbol', source: 'matters', filter: ['all', ['<=', ['get', 'level'], 2], ['any', gathered, ['==', ['get', 'lively'], true]]],
      layout: { 'icon-image': ['concat', 'glow-', ['to-string', ['get', 'level']]], 'icon-size': BY_ZOOM(0.7, 1.2), ...ALWAYS, 'symbol-sort-key': worst },
    },
    {
      id: 'matter-mark', type: 'symbol', source: 'matters',
      layout: {
        'icon-image': ['case', gathered, ringName(), ['get', 'icon']], 'icon-size': ['interpolate', ['linear'], ['zoom'], 10, ['case', gathered, 1, 0.7], 15, 1],
        ...ALWAYS, ...UNDER_ICON, 'icon-offset': ['case', ['all', ['!', gathered], isIncident], ['literal', [0, -14]], ['literal', [0, 0]]],
        'symbol-sort-key': worst, 'text-field': ['step', ['zoom'], '', 13.5, named],
      },
      paint: ink(),
    },
  ];
}

/** @param {string} source @param {Expression} icon @param {number} minzoom @returns {Layer[]} */
function placeLayers(source, icon, minzoom) {
  return [{
    id: `${source}-mark`, type: 'symbol', source, minzoom,
    layout: { 'icon-image': icon, 'icon-size': BY_ZOOM(0.55, 0.95), 'icon-padding': 1, ...UNDER_ICON, 'text-field': ['step', ['zoom'], '', 15.5, NAME] }, paint: ink(),
  }];
}

// layer id -> options of its source and its map layers, in drawing order; `fetched` from the API once it is shown, `type` of the card it opens
/** @type {Record<string, { source: object, layers: () => Layer[], type?: string, fetched?: boolean }>} */
export const OVERLAYS = {
  risk_cells: { source: {}, layers: riskLayers },
  warnings: { source: {}, type: 'warning', layers: warningLayers },
  facilities: { source: {}, fetched: true, type: 'facility', layers: () => placeLayers('facilities', ['concat', 'facility-', ['get', 'kind']], 13) },
  cameras: { source: {}, fetched: true, type: 'camera', layers: () => placeLayers('cameras', 'camera', 13) },
  sensors: { source: {}, type: 'sensor', layers: sensorLayers },
  units: { source: {}, type: 'unit', layers: unitLayers },
  video_events: { source: {}, type: 'video_event', layers: videoLayers },
  matters: { source: MATTERS, type: 'matter', layers: matterLayers },
};
// layer of the tree -> the source that it shares with another
/** @type {Record<string, string>} */
export const SHARED = { alarms: 'matters', incidents: 'matters' };

/** @returns {Layer[]} */
export function selectLayers() {
  return [
    { id: 'select-halo', type: 'circle', source: 'select', paint: { 'circle-radius': 24, 'circle-color': 'rgba(0,0,0,0)', 'circle-stroke-color': token('map-ground'), 'circle-stroke-width': 5, 'circle-stroke-opacity': 0.6 } },
    { id: 'select-ring', type: 'circle', source: 'select', paint: { 'circle-radius': 24, 'circle-color': 'rgba(0,0,0,0)', 'circle-stroke-color': token('accent'), 'circle-stroke-width': 2.4 } },
  ];
}

const SHARED_SOURCES = Object.values(SHARED);
/** Every overlay layer, tagged with the layer of the tree it belongs to; what several of them share with none. @returns {Layer[]} */
export const overlayLayers = () =>
  Object.entries(OVERLAYS).flatMap(([id, { layers }]) => layers().map(layer => (SHARED_SOURCES.includes(id) ? layer : { ...layer, metadata: { layer: id } }))).concat(selectLayers());
