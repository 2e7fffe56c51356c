// Carries the live collections into the map's sources, as differences, at most so often per layer.
import { live } from '../live.mjs';
import { atMost } from '../dom.mjs';
import { LIVE_LAYERS, fading, isStale } from './features.mjs';
import { Glide } from './glide.mjs';

const STALE_CHECK_MS = 10000;

class Feed {
  constructor(map, layer, onMoved) {
    Object.assign(this, { layer, ...LIVE_LAYERS[layer], source: map.getSource(layer), changed: new Set(), drawn: new Set(), whole: true });
    this.soon = atMost(this.everyMs, () => this.write());
    if (this.glides) this.glide = new Glide(map, moved => this.move(moved, onMoved));
  }

  follow() {
    live[this.kind].on(batch => {
      this.whole = this.whole || batch.whole;
      for (const id of [...batch.changed, ...batch.removed]) this.changed.add(id);
      this.soon();
    });
  }

  write() {
    const changed = this.changed;
    this.changed = new Set();
    if (this.whole) return this.writeAll();
    const add = [...changed].map(id => live[this.kind].get(id)).filter(thing => thing && this.shown(thing));
    const present = new Set(add.map(thing => String(thing.id)));
    const remove = [...changed].filter(id => !present.has(id) && this.drawn.has(id));
    remove.forEach(id => this.drawn.delete(id));
    present.forEach(id => this.drawn.add(id));
    this.glide?.forget(remove);
    if (add.length || remove.length) this.source.updateData({ add: this.features(add), remove });
  }

  features(things) {
    const features = things.map(this.feature);
    return this.glide ? this.glide.set(features) : features;
  }

  move(moved, onMoved) {
    this.source.updateData({ update: moved.map(({ id, coordinates }) => ({ id, newGeometry: { type: 'Point', coordinates } })) });
    for (const { id, coordinates } of moved) onMoved(this.kind, id, coordinates);
  }

  writeAll() {
    const things = live[this.kind].all().filter(this.shown);
    this.whole = false;
    this.drawn = new Set(things.map(thing => String(thing.id)));
    this.source.setData({ type: 'FeatureCollection', features: this.features(things) });
  }
}

// What changes by time alone: layer -> the state of an object that shows, null once it is to be forgotten.
const AGING = { units: isStale, video_events: fading };

function watchAge(feed, stateOf) {
  const states = new Map();
  setInterval(() => {
    const things = live[feed.kind].all();
    for (const thing of things) {
      if (states.get(thing.id) !== stateOf(thing)) feed.changed.add(String(thing.id));
      states.set(thing.id, stateOf(thing));
    }
    const over = things.filter(thing => stateOf(thing) === null);
    over.forEach(({ id }) => states.delete(id));
    if (over.length) live[feed.kind].remove(over);
    feed.soon();
  }, STALE_CHECK_MS);
}

/** `onMoved(kind, id, coordinates)` hears of marks that glide. */
export function feedMap(map, onMoved) {
  for (const layer of Object.keys(LIVE_LAYERS)) {
    const feed = new Feed(map, layer, onMoved);
    feed.follow();
    if (AGING[layer]) watchAge(feed, AGING[layer]);
  }
}
