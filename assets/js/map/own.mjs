// Layers of the city's own: tiles of one shape each, in the colour of their legend, below what is alive.
import { token } from '../tokens.mjs';
import { hasPicture } from './lost.mjs';

const LABEL_FROM = 14;
// what is alive lies above them
const BELOW = 'risk-fill';

/** What of a layer of the tree its drawing needs. @typedef {{ id: string, geometry: string, min_zoom: number, legend: { token: string }[], own: boolean, visible: boolean }} OwnLayer */

/** @param {string} id */
export const sourceOf = id => `own/${id}`;
/** Whether a layer of the map belongs to one of the city's own. @param {string} id */
export const isOwn = id => id.startsWith('own/');
/** The layer of the tree that a source of the map is of. @param {string} source */
export const layerOf = source => source.replace(/^own\//, '');

/** How a layer is drawn. @param {OwnLayer} layer @returns {Layer[]} */
export function ownLayers({ id, geometry, legend }) {
  const colour = token(legend[0]?.token ?? 'muted');
  const common = { source: sourceOf(id), 'source-layer': id, metadata: { layer: id } };
  const edge = { id: `${sourceOf(id)}/line`, type: 'line', ...common, paint: { 'line-color': colour, 'line-width': ['interpolate', ['linear'], ['zoom'], 10, 0.8, 17, 2.4] } };
  const label = {
    id: `${sourceOf(id)}/label`, type: 'symbol', ...common, minzoom: LABEL_FROM, filter: ['has', 'label'],
    layout: { 'text-field': ['get', 'label'], 'text-font': ['Plain'], 'text-size': 11, 'text-anchor': geometry === 'polygon' ? 'center' : 'top', 'text-offset': geometry === 'point' ? [0, 0.7] : [0, 0], 'symbol-placement': geometry === 'line' ? 'line' : 'point' },
    paint: { 'text-color': token('label-mark'), 'text-halo-color': token('map-halo'), 'text-halo-width': 1.5 },
  };
  if (geometry === 'polygon') return [{ id: `${sourceOf(id)}/fill`, type: 'fill', ...common, paint: { 'fill-color': colour, 'fill-opacity': 0.22 } }, edge, label];
  if (geometry === 'line') return [edge, label];
  const heap = ['>', ['coalesce', ['get', 'count'], 1], 1];
  return [{
    id: `${sourceOf(id)}/dot`, type: 'circle', ...common,
    paint: {
      'circle-color': colour, 'circle-opacity': ['case', heap, 0.75, 0.95], 'circle-stroke-color': token('map-ground'), 'circle-stroke-width': ['interpolate', ['linear'], ['zoom'], 13, 0, 17, 1],
      'circle-radius': ['case', heap, ['interpolate', ['linear'], ['ln', ['get', 'count']], 0, 1.8, 6, 6], ['interpolate', ['linear'], ['zoom'], 12, 2, 18, 6]],
    },
  }, label];
}

/** Puts the layers on the map that are not there yet. @param {MapLibre} map @param {OwnLayer[]} layers */
export function addOwn(map, layers) {
  for (const layer of layers) {
    if (!layer.own || map.getSource(sourceOf(layer.id))) continue;
    map.addSource(sourceOf(layer.id), { type: 'vector', tiles: [`${location.origin}/tiles/${layer.id}/{z}/{x}/{y}.mvt`], minzoom: layer.min_zoom, maxzoom: 16 });
    for (const drawn of ownLayers(layer)) {
      map.addLayer({ ...drawn, layout: { ...drawn.layout, visibility: layer.visible ? 'visible' : 'none' } }, map.getLayer(BELOW) ? BELOW : undefined);
    }
  }
}

/** A layer that has changed: its tiles are asked for anew. @param {MapLibre} map @param {string} id */
export function renewOwn(map, id) {
  const source = [sourceOf(id), id].find(name => map.getSource(name)?.type === 'vector');
  if (source && hasPicture(map)) map.refreshTiles(source);
}

/** The colours of a new theme. @param {MapLibre} map @param {OwnLayer[]} layers */
export function repaintOwn(map, layers) {
  for (const layer of hasPicture(map) ? layers.filter(({ id, own }) => own && map.getSource(sourceOf(id))) : []) {
    for (const { id, paint } of ownLayers(layer)) {
      for (const [name, value] of Object.entries(paint)) if (name.includes('color')) map.setPaintProperty(id, /** @type {any} */ (name), value);
    }
  }
}
