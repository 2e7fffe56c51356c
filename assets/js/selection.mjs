// One selection for the whole page: list, map, search and card all set it and all follow it.
import { collectionOf } from './live.mjs';

// from how far what is as large as a district is looked at
const AREA_ZOOM = 11;

/**
 * How a selection came: `fly` moves the map there, `moved` says that only its place became known.
 * @typedef {{ fly: boolean, moved?: boolean }} How
 */

/** @param {Live} live */
export function makeSelection(live) {
  /** @type {((thing: Thing | null, how: How) => void)[]} */
  const listeners = [];
  /** @type {Thing | null} */
  let current = null;
  /** Whether the map goes to it, now or as soon as its place is known. */
  let flies = true;

  /** @param {Thing} thing */
  function placed(thing) {
    const known = collectionOf(live, thing.type)?.get(thing.id);
    const wide = thing.type === 'warning' && { zoom: AREA_ZOOM };
    return { ...(known && { lon: known.lon, lat: known.lat }), ...wide, ...thing };
  }

  return {
    current: () => current,

    /** @param {(thing: Thing | null, how: How) => void} listener */
    on(listener) { listeners.push(listener); },

    /** Whether this is what is selected. @param {string} type @param {string} id */
    is: (type, id) => current?.type === type && String(current.id) === String(id),

    /** Selects `{type, id, lon?, lat?}`; `fly` moves the map there unless the person is moving it. @param {Thing | null} thing */
    select(thing, { fly = true } = {}) {
      current = thing && placed(thing);
      flies = fly;
      for (const listener of listeners) listener(current, { fly });
    },

    /**
     * The card may know a place that the lists do not.
     * @param {number | null | undefined} lon
     * @param {number | null | undefined} lat
     */
    locate(lon, lat) {
      if (!current || Number.isFinite(current.lon) || !Number.isFinite(lon)) return;
      current = { ...current, lon, lat };
      for (const listener of listeners) listener(current, { fly: flies, moved: true });
    },
  };
}
