// What is pressed on the map: the marks at that place as things that can be chosen.
import { each, makeHere } from './here.mjs';
import { OVERLAYS } from './overlays.mjs';
import { isOwn, layerOf } from './own.mjs';

/** @typedef {import('maplibre-gl').MapGeoJSONFeature} Drawn */

const CLICKABLE = Object.values(OVERLAYS).filter(({ type }) => type).reverse();

/** @param {MapLibre} map @param {{ x: number, y: number }} point @returns {Drawn[]} */
function marksAt(map, { x, y }) {
  const ids = CLICKABLE.flatMap(({ layers }) => layers().filter(({ type }) => type !== 'fill').map(layer => layer.id)).concat('asset-dot', ownMarks(map)).filter(id => map.getLayer(id) && !id.endsWith('-glow'));
  return map.queryRenderedFeatures([[x - 5, y - 5], [x + 5, y + 5]], { layers: ids });
}

/** Marks, lines and edges of the city's own layers. @param {MapLibre} map */
const ownMarks = map => map.getStyle().layers.map(({ id }) => id).filter(id => isOwn(id) && /\/(dot|mark|line)$/.test(id));

/** What of a feature is a thing of ours: its type and id. @param {Drawn} feature */
function typeOf({ layer, source, properties }) {
  if (isOwn(source)) return 'row';
  if (layer.id === 'asset-dot') return 'asset';
  return source === 'matters' ? String(properties.kind) : OVERLAYS[source]?.type ?? 'place';
}

/**
 * A feature as a thing that can be chosen. An area is pressed on its edge: the ground under it stays the map's.
 * @param {Pick<Drawn, 'properties' | 'geometry' | 'source'>} feature
 * @param {string} type
 * @param {Place} [pressed]
 * @returns {import('./here.mjs').Found}
 */
function foundOf({ properties, geometry, source }, type, pressed = [0, 0]) {
  const [lon, lat] = geometry.type === 'Point' ? geometry.coordinates : pressed;
  return { type, id: type === 'row' ? `${layerOf(source)}/${properties.id}` : String(properties.id), level: properties.level || null, names: { zh: properties.name_zh || '', en: properties.name_en || '' }, lon, lat };
}

/** The things that a mark stands for: itself, or those that are gathered in it. @param {MapLibre} map @param {Drawn} feature @param {Place} pressed */
async function thingsOf(map, feature, pressed) {
  if (!feature.properties.cluster) return [foundOf(feature, typeOf(feature), pressed)];
  const source = /** @type {GeoJsonSource} */ (map.getSource(feature.source));
  const leaves = await source.getClusterLeaves(feature.properties.cluster_id, LEAVES, 0);
  return leaves.map(leaf => foundOf(/** @type {any} */ (leaf), String(leaf.properties?.kind)));
}

// What can stand together and must not be missed; a sensor below its own alarm is no second thing.
const TOGETHER = ['matters', 'units'];
const LEAVES = 200;

/** Whether presses draw an area (inside.mjs). @param {MapLibre} map */
const isSketching = map => Boolean(map.getContainer().dataset.sketching);

/** Chooses what is pressed; where that is several things, they are listed. @param {MapLibre} map @param {Chosen} selection @param {Words} words */
export function followPresses(map, selection, { both }) {
  const select = (/** @type {import('./here.mjs').Found} */ { type, id, lon, lat }) => selection.select({ type, id, lon, lat }, { fly: false });
  const here = makeHere({ both, select });
  map.on('movestart', here.close);
  map.on('click', async ({ point, lngLat }) => {
    here.close();
    if (isSketching(map)) return;
    const marks = marksAt(map, point);
    const pressed = /** @type {Place} */ (lngLat.toArray());
    const together = marks.filter(({ source }) => TOGETHER.includes(source));
    const things = each((await Promise.all((together.length ? together : marks.slice(0, 1)).map(mark => thingsOf(map, mark, pressed)))).flat());
    if (things.length === 1) select(things[0]);
    else if (things.length) here.show(point, things, things.length);
  });
  map.on('mousemove', ({ point }) => { map.getCanvas().style.cursor = isSketching(map) ? 'crosshair' : marksAt(map, point).length ? 'pointer' : ''; });
}
