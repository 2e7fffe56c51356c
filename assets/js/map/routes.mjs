// The ways of those who were sent, on the map: of the incident that is selected, or of the unit.
import { get } from '../api.mjs';
import { token } from '../tokens.mjs';
import { hasPicture } from './lost.mjs';

export const EVERY_MS = 10000;
const SOURCE = 'routes';
const BELOW = 'unit-heading';

/** @typedef {{ type: 'Feature', id: string, geometry: GeoJSON.LineString, properties: { unit: string, arrives_at: string } }} Route */

/** The incident whose ways are asked for: the one selected, or the one that the unit selected is on. @param {Thing | null} thing @param {Live} live @returns {string | null} */
export function incidentOf(thing, live) {
  if (thing?.type === 'incident') return String(thing.id);
  return (thing?.type === 'unit' && live.unit.get(thing.id)?.incident) || null;
}

/** Of the ways of an incident those to draw: all of them, or the one of the unit that is selected. @param {Thing | null} thing @param {Route[]} routes */
export const drawnOf = (thing, routes) => (thing?.type === 'unit' ? routes.filter(({ properties }) => properties.unit === String(thing.id)) : routes);

/**
 * Asks at once for another incident, and for the same again at most every ten seconds.
 * @param {{ read: (incident: string) => Promise<Route[]>, draw: (routes: Route[]) => void, after?: (call: () => void, ms: number) => any, now?: () => number }} parts
 */
export function makeAsking({ read, draw, after = setTimeout, now = () => performance.now() }) {
  /** @type {string | null} */
  let wanted = null;
  let askedAt = -Infinity;
  let isDue = false;

  async function ask() {
    isDue = false;
    const incident = wanted;
    if (!incident) return;
    askedAt = now();
    try {
      const routes = await read(incident);
      if (incident === wanted) draw(routes);
    } catch {
      // what is drawn stays until it can be read again; that the server is silent is said elsewhere
    }
  }

  return {
    /** @param {string | null} incident */
    want(incident) {
      if (incident === wanted) return;
      wanted = incident;
      draw([]);
      ask();
    },
    moved() {
      if (!wanted || isDue) return;
      isDue = true;
      after(ask, Math.max(0, askedAt + EVERY_MS - now()));
    },
  };
}

/** What says when a unit arrives says it by its newest way (ages.mjs). @param {Route[]} routes */
function tellArrivals(routes) {
  for (const { properties: { unit, arrives_at: arrives } } of routes) {
    for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(`[data-arrives][data-unit="${CSS.escape(unit)}"]`))) node.dataset.arrives = arrives;
  }
}

/** @param {MapLibre} map */
function furnish(map) {
  map.addSource(SOURCE, { type: 'geojson', data: { type: 'FeatureCollection', features: [] } });
  /** @type {{ 'line-cap': 'round', 'line-join': 'round' }} */
  const layout = { 'line-cap': 'round', 'line-join': 'round' };
  map.addLayer({ id: 'route-edge', type: 'line', source: SOURCE, layout, paint: { 'line-color': token('map-ground'), 'line-width': 7, 'line-opacity': 0.8 } }, BELOW);
  map.addLayer({ id: 'route-line', type: 'line', source: SOURCE, layout, paint: { 'line-color': token('accent'), 'line-width': 3.5 } }, BELOW);
  window.addEventListener('onemap:theme', () => {
    if (!hasPicture(map)) return;
    map.setPaintProperty('route-edge', 'line-color', token('map-ground'));
    map.setPaintProperty('route-line', 'line-color', token('accent'));
  });
}

/** @param {{ map: MapLibre, live: Live, selection: Chosen }} parts */
export function startRoutes({ map, live, selection }) {
  /** @type {Route[]} */
  let known = [];
  const asking = makeAsking({
    read: async incident => (await get(`/api/incidents/${encodeURIComponent(incident)}/routes`)).features,
    draw(routes) {
      known = routes;
      show();
      tellArrivals(routes);
    },
  });
  function show() {
    if (!hasPicture(map)) return;
    const source = /** @type {GeoJsonSource | undefined} */ (map.getSource(SOURCE));
    source?.setData({ type: 'FeatureCollection', features: drawnOf(selection.current(), known) });
  }
  const follow = () => asking.want(incidentOf(selection.current(), live));

  map.once('load', () => {
    furnish(map);
    follow();
    show();
    selection.on(() => { follow(); show(); });
    live.unit.on(({ changed, whole }) => {
      follow();
      const incident = incidentOf(selection.current(), live);
      if (incident && (whole || [...changed].some(id => live.unit.get(id)?.incident === incident))) asking.moved();
    });
    live.incident.on(({ changed, whole }) => {
      const incident = incidentOf(selection.current(), live);
      if (incident && (whole || changed.has(incident))) asking.moved();
    });
  });
}
