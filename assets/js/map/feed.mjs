// Carries the live collections into the map's sources, as differences, at most so often per layer.
import { atMost } from '../dom.mjs';
import { fading, shownOf } from './features.mjs';
import { Glide, isCalm } from './glide.mjs';
import { SHARED } from './overlays.mjs';

const STALE_CHECK_MS = 10000;

/** @typedef {import('./features.mjs').LiveLayer} LiveLayer */
/** @typedef {ReturnType<typeof import('./pace.mjs').keepPace>} Pace */
/** Hears of marks that glide. @typedef {(kind: Kind, id: string, coordinates: Place) => void} OnMoved */

class Feed {
  /** @param {MapLibre} map @param {string} name @param {LiveLayer} layer @param {Live} live @param {OnMoved} onMoved @param {Pace} pace */
  constructor(map, name, layer, live, onMoved, pace) {
    // a source that two layers share is never set whole, and holds of each only what is switched on
    this.shares = name in SHARED;
    this.on = true;
    this.layer = layer;
    /** @type {Collection<any>} */
    this.things = live[this.layer.kind];
    this.find = () => /** @type {GeoJsonSource} */ (map.getSource(SHARED[name] ?? name));
    this.source = this.find();
    /** Whether the map has nothing to be told: what changes meanwhile is gathered by id. */
    this.isHeld = false;
    this.onMoved = onMoved;
    /** @type {Set<string>} */
    this.changed = new Set();
    /** @type {Set<string>} */
    this.drawn = new Set();
    this.whole = true;
    this.soon = atMost(() => pace.every(this.layer.everyMs), () => this.write());
    this.glide = this.layer.glides ? new Glide({ draw: moved => this.move(moved), drawn: then => map.once('render', then), calm: () => pace.calm() || isCalm() }) : null;
    this.things.on(batch => this.hear(batch));
  }

  /** @param {Batch} batch */
  hear(batch) {
    this.whole = this.whole || batch.whole;
    for (const id of [...batch.changed, ...batch.removed]) this.changed.add(id);
    this.soon();
  }

  hold() { this.isHeld = true; }

  /** The map is furnished anew, with sources of its own. */
  resume() {
    this.source = this.find();
    this.isHeld = false;
    this.whole = true;
    this.write();
  }

  write() {
    if (this.isHeld) return;
    const changed = this.changed;
    this.changed = new Set();
    if (this.whole) return this.writeAll();
    this.change(this.on ? shownOf(this.layer, [...changed].map(id => this.things.get(id)).filter(Boolean)) : [], changed);
  }

  /** Of these ids the things that are drawn now. @param {any[]} add @param {Set<string>} changed */
  change(add, changed) {
    const present = new Set(add.map(thing => String(thing.id)));
    const remove = [...changed].filter(id => !present.has(id) && this.drawn.has(id));
    for (const id of remove) this.drawn.delete(id);
    for (const id of present) this.drawn.add(id);
    this.glide?.forget(remove);
    if (add.length || remove.length) this.source.updateData({ add: this.features(add), remove });
  }

  /** @param {boolean} on */
  turn(on) {
    if (on === this.on) return;
    this.on = on;
    this.whole = true;
    this.write();
  }

  /** @param {any[]} things @returns {Feature[]} */
  features(things) {
    const now = Date.now();
    const features = things.map(thing => this.layer.feature(thing, now));
    return this.glide ? this.glide.set(/** @type {PointFeature[]} */ (features)) : features;
  }

  /** @param {import('./glide.mjs').Moved[]} moved */
  move(moved) {
    if (this.isHeld) return;
    this.source.updateData({ update: moved.map(({ id, coordinates }) => ({ id, newGeometry: { type: 'Point', coordinates } })) });
    for (const { id, coordinates } of moved) this.onMoved(this.layer.kind, id, coordinates);
  }

  writeAll() {
    const things = this.on ? shownOf(this.layer, this.things.all()) : [];
    this.whole = false;
    if (this.shares) return this.change(things, this.drawn);
    this.drawn = new Set(things.map(thing => String(thing.id)));
    this.source.setData({ type: 'FeatureCollection', features: this.features(things) });
  }
}

/** @param {Feed} feed @param {(thing: any) => unknown} stateOf */
function watchAge(feed, stateOf) {
  const states = new Map();
  setInterval(() => {
    const things = feed.things.all();
    for (const thing of things) {
      if (states.get(thing.id) !== stateOf(thing)) feed.changed.add(String(thing.id));
      states.set(thing.id, stateOf(thing));
    }
    const over = things.filter(thing => stateOf(thing) === null);
    for (const { id } of over) states.delete(id);
    if (over.length) feed.things.remove(over);
    feed.soon();
  }, STALE_CHECK_MS);
}

/**
 * Feeds every live layer of the map from now on. `turn` turns a layer that shares its source on or off; between `hold` and `resume` the
 * map has lost its sources.
 * @param {MapLibre} map
 * @param {{ live: Live, sets: Sets, liveLayers: Record<string, LiveLayer>, onMoved: OnMoved, pace: Pace }} parts
 */
export function feedMap(map, { live, sets, liveLayers, onMoved, pace }) {
  // What changes by time alone: layer -> the state of an object that shows, null once it is to be forgotten.
  /** @type {Record<string, (thing: any) => unknown>} */
  const aging = { units: thing => sets.stale(thing), video_events: thing => fading(thing), warnings: thing => (sets.expired(thing) ? null : 0) };
  /** @type {Map<string, Feed>} */
  const feeds = new Map();
  for (const [name, layer] of Object.entries(liveLayers)) {
    const feed = new Feed(map, name, layer, live, onMoved, pace);
    feeds.set(name, feed);
    if (aging[name]) watchAge(feed, aging[name]);
  }
  return {
    /** @param {string} name @param {boolean} on */
    turn(name, on) { if (name in SHARED) feeds.get(name)?.turn(on); },
    hold() { for (const feed of feeds.values()) feed.hold(); },
    resume() { for (const feed of feeds.values()) feed.resume(); },
  };
}
