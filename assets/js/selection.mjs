// One selection for the whole page: list, map, search and card all set it and all follow it.
import { live } from './live.mjs';
import { setProps } from './dom.mjs';

const listeners = [];
let current = null;

export const selected = () => current;
export const onSelect = listener => listeners.push(listener);

function place(thing) {
  const known = live[thing.type]?.get(thing.id);
  return { ...(known && { lon: known.lon, lat: known.lat }), ...thing };
}

/** Selects `{type, id, lon?, lat?}`; `fly` moves the map there unless the person is moving it. */
export function select(thing, { fly = true } = {}) {
  current = thing && place(thing);
  setProps('selection', { data: current });
  listeners.forEach(listener => listener(current, { fly }));
}

/** The card may know a place that the lists do not. */
export function locate(lon, lat) {
  if (!current || Number.isFinite(current.lon) || !Number.isFinite(lon)) return;
  current = { ...current, lon, lat };
  listeners.forEach(listener => listener(current, { fly: true, moved: true }));
}
