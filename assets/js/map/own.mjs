// Layers of the city's own: tiles of one shape each, in the colour of their legend, below what is alive.
import { token } from '../tokens.mjs';
import { hasPicture } from './lost.mjs';

const LABEL_FROM = 14;
// a tile has points one by one from here on (layers/own.py), and half the width of a mark's box is so many pixels
const ONE_BY_ONE = 13, BOX = 9.5;
// what is alive lies above them
const BELOW = 'risk-fill';

/**
 * What of a layer of the tree its drawing needs.
 * @typedef {{ id: string, geometry: string, min_zoom: number, legend: { key: string, token: string }[], own: boolean, visible: boolean, group: string, style: { size: number | null, icon: string | null, label: boolean } | null }} OwnLayer
 */

/** @param {string} id */
export const sourceOf = id => `own/${id}`;
/** Whether a layer of the map belongs to one of the city's own. @param {string} id */
export const isOwn = id => id.startsWith('own/');
/** The layer of the tree that a source of the map is of. @param {string} source */
export const layerOf = source => source.replace(/^own\//, '');

/** One colour, or that of a feature's class: a tile says which line of the legend it is of. @param {{ key: string, token: string }[]} legend @returns {any} */
export function colourOf(legend) {
  if (legend.length < 2 && !Number(legend[0]?.key)) return token(legend[0]?.token ?? 'muted');
  return ['match', ['coalesce', ['get', 'tone'], 0], ...legend.flatMap(({ key, token: name }) => [Number(key), token(name)]), token('muted')];
}

/** The mark of a point (`own` of `icons.mjs`), by its class. @param {string} icon @param {{ key: string, token: string }[]} legend @returns {any} */
export function markOf(icon, legend) {
  const mark = (/** @type {string} */ name) => `own-${icon}-${name}`;
  if (legend.length < 2 && !Number(legend[0]?.key)) return mark(legend[0]?.token ?? 'muted');
  return ['match', ['coalesce', ['get', 'tone'], 0], ...legend.flatMap(({ key, token: name }) => [Number(key), mark(name)]), mark('muted')];
}

/** How a layer is drawn. @param {OwnLayer} layer @returns {Layer[]} */
export function ownLayers({ id, geometry, legend, style }) {
  const colour = colourOf(legend);
  const size = style?.size;
  const common = { source: sourceOf(id), 'source-layer': id, metadata: { layer: id } };
  const edge = { id: `${sourceOf(id)}/line`, type: 'line', ...common, paint: { 'line-color': colour, 'line-width': ['interpolate', ['linear'], ['zoom'], 10, Math.min(0.8, size ?? 0.8), 17, size ?? 2.4] } };
  const label = {
    id: `${sourceOf(id)}/label`, type: 'symbol', ...common, minzoom: LABEL_FROM, filter: ['has', 'label'],
    layout: { 'text-field': ['get', 'label'], 'text-font': ['Plain'], 'text-size': 11, 'text-anchor': geometry === 'polygon' ? 'center' : 'top', 'text-offset': geometry === 'point' ? [0, 0.7] : [0, 0], 'symbol-placement': geometry === 'line' ? 'line' : 'point' },
    paint: { 'text-color': token('label-mark'), 'text-halo-color': token('map-halo'), 'text-halo-width': 1.5 },
  };
  const labels = style?.label === false ? [] : [label];
  if (geometry === 'polygon') return [{ id: `${sourceOf(id)}/fill`, type: 'fill', ...common, paint: { 'fill-color': colour, 'fill-opacity': legend.length > 1 ? 0.5 : 0.22 } }, edge, ...labels];
  if (geometry === 'line') return [edge, ...labels];
  const icon = style?.icon;
  const heap = ['>', ['coalesce', ['get', 'count'], 1], 1];
  const gathered = ['interpolate', ['linear'], ['ln', ['get', 'count']], 0, 1.8, 6, 6];
  // smaller, nobody would know what it shows
  const scale = Math.max(1, (size ?? BOX) / BOX);
  /** @type {Layer[]} */
  const marks = icon ? [{
    id: `${sourceOf(id)}/mark`, type: 'symbol', ...common, minzoom: ONE_BY_ONE,
    layout: { 'icon-image': markOf(icon, legend), 'icon-size': ['interpolate', ['linear'], ['zoom'], ONE_BY_ONE, 0.5 * scale, 16, scale], 'icon-allow-overlap': true, 'icon-ignore-placement': true },
  }] : [];
  return [{
    id: `${sourceOf(id)}/dot`, type: 'circle', ...common, ...(icon ? { maxzoom: ONE_BY_ONE } : {}),
    paint: {
      'circle-color': colour, 'circle-opacity': ['case', heap, 0.75, 0.95], 'circle-stroke-color': token('map-ground'), 'circle-stroke-width': ['interpolate', ['linear'], ['zoom'], 13, 0, 17, 1],
      // zoom stands outermost, as the style's grammar wants it
      'circle-radius': ['interpolate', ['linear'], ['zoom'], 12, ['case', heap, gathered, Math.min(2, size ?? 2)], 18, ['case', heap, gathered, size ?? 6]],
    },
  }, ...marks, ...labels];
}

/**
 * Layers in the order in which they are drawn: a group that stands lower in the tree lies above, as ours do; of a group the first lies on top.
 * @template {{ group: string }} T @param {T[]} layers @returns {T[]}
 */
export function stacked(layers) {
  /** @type {Map<string, T[]>} */
  const groups = new Map();
  for (const layer of layers) groups.set(layer.group, [layer, ...(groups.get(layer.group) ?? [])]);
  return [...groups.values()].flat();
}

/** Whatever is drawn of them lies as they are ordered. @param {MapLibre} map @param {OwnLayer[]} layers */
function stack(map, layers) {
  const here = map.getStyle().layers.map(({ id }) => id).filter(isOwn);
  const wanted = stacked(layers).flatMap(({ id }) => here.filter(one => one.startsWith(`${sourceOf(id)}/`)));
  if (wanted.every((id, n) => id === here[n])) return;
  for (const id of wanted) map.moveLayer(id, map.getLayer(BELOW) ? BELOW : undefined);
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
  stack(map, layers.filter(({ own }) => own));
}

/** What makes a drawing another one. @param {OwnLayer} layer */
const drawingOf = ({ geometry, min_zoom, legend, style }) => JSON.stringify([geometry, min_zoom, legend, style]);

/**
 * The layers of the city's own as they are now: those that are new or drawn otherwise are drawn, those that are gone go.
 * @param {MapLibre} map @param {OwnLayer[]} before @param {OwnLayer[]} after
 */
export function followOwn(map, before, after) {
  const now = new Map(after.map(layer => [layer.id, drawingOf(layer)]));
  for (const layer of before) {
    const source = sourceOf(layer.id);
    if (now.get(layer.id) === drawingOf(layer) || !map.getSource(source)) continue;
    for (const { id } of map.getStyle().layers) if (id.startsWith(`${source}/`)) map.removeLayer(id);
    map.removeSource(source);
  }
  addOwn(map, after);
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
      for (const [name, value] of Object.entries(paint ?? {})) if (name.includes('color')) map.setPaintProperty(id, /** @type {any} */ (name), value);
    }
  }
}
