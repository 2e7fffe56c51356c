// Base maps of others: pictures of the ground below everything that we draw. Nothing is asked of anybody until one is turned on; while it is on, whose it is stands on the map.
import { el } from '../dom.mjs';
import { hasPicture } from './lost.mjs';

// only the paper lies below them
const ABOVE = 'green-fill';

/**
 * What of a layer of the tree its drawing needs.
 * @typedef {{ tiles: string[], tile_size: number, max_zoom: number, from_south: boolean, attribution: string, attribution_url: string | null }} Raster
 * @typedef {{ id: string, min_zoom: number, raster: Raster }} Beneath
 */

/** @param {LayerItem[]} items @returns {Beneath[]} */
export const basesAmong = items => /** @type {any} */ (items.filter(item => item.raster));

/** How the map asks for the tiles: ours by our own address. @param {Beneath} base @param {string} origin */
export const sourceOf = ({ min_zoom, raster }, origin) => ({
  type: 'raster', tiles: raster.tiles.map(one => (one.startsWith('/') ? `${origin}${one}` : one)), tileSize: raster.tile_size,
  minzoom: min_zoom, maxzoom: raster.max_zoom, scheme: raster.from_south ? 'tms' : 'xyz',
});

/** Whose maps are on, each once. @param {Beneath[]} bases @param {Set<string>} on */
export function creditsOf(bases, on) {
  const shown = bases.filter(({ id }) => on.has(id)).map(({ raster }) => ({ words: raster.attribution, url: raster.attribution_url }));
  return shown.filter(({ words }, index) => shown.findIndex(one => one.words === words) === index);
}

/** @param {MapLibre} map @param {LayerItem[]} items */
export function makeBeneath(map, items) {
  let bases = basesAmong(items);
  /** @type {Set<string>} */
  const on = new Set();
  const credits = el('p', { id: 'map-credits', hidden: true });
  map.getContainer().append(credits);

  function tell() {
    const shown = creditsOf(bases, on);
    credits.hidden = !shown.length;
    credits.replaceChildren(...shown.flatMap(({ words, url }, index) => [index ? ' · ' : '', url ? el('a', { href: url, target: '_blank', rel: 'noopener noreferrer' }, words) : words]));
  }

  /** @param {string} id */
  function remove(id) {
    if (map.getLayer(id)) map.removeLayer(id);
    if (map.getSource(id)) map.removeSource(id);
  }

  return {
    /** Laid below everything with its first turning on, among its like in the order of the tree, the last on top. @param {string} id @param {boolean} visible */
    turn(id, visible) {
      const base = bases.find(one => one.id === id);
      if (!base) return;
      if (visible) on.add(id);
      else on.delete(id);
      if (visible && !map.getSource(id)) {
        map.addSource(id, /** @type {any} */ (sourceOf(base, location.origin)));
        map.addLayer({ id, type: 'raster', source: id, metadata: { layer: id } }, [...bases.slice(bases.indexOf(base) + 1).map(next => next.id), ABOVE].find(next => map.getLayer(next)));
      }
      tell();
    },

    /** The list of layers has changed: what is gone or described otherwise goes, and is asked for anew where it is on. @param {LayerItem[]} now */
    follow(now) {
      const after = basesAmong(now);
      if (!hasPicture(map)) return;
      const before = bases;
      bases = after;
      for (const base of before) {
        const same = after.find(({ id }) => id === base.id);
        if (JSON.stringify(same?.raster) === JSON.stringify(base.raster)) continue;
        remove(base.id);
        if (!same) on.delete(base.id);
        else if (on.has(base.id)) this.turn(base.id, true);
      }
      tell();
    },
  };
}
