// Moving marks glide to where they were last heard instead of jumping. Each step waits for the map to have drawn the one
// before: a slow machine takes few large steps, a quick one many small ones. The view never moves.
const GLIDE_MS = 1000;
const STEP_MS = 60;
const FARTHEST = 0.006; // degrees, some 500 m: beyond that it is a correction, not a way
const NEAREST = 2e-6;
const CALM = matchMedia('(prefers-reduced-motion: reduce)');

const between = ([x, y], [u, v], share) => [x + (u - x) * share, y + (v - y) * share];
const distance = ([x, y], [u, v]) => Math.max(Math.abs(u - x), Math.abs(v - y));

export class Glide {
  /** `draw([{id, coordinates}])` moves marks that are on the map. */
  constructor(map, draw) {
    Object.assign(this, { map, draw, ways: new Map(), places: new Map(), waiting: false });
  }

  /** The features as they are to be drawn now; those that have moved set out from where they are seen. */
  set(features) {
    const now = performance.now();
    return features.map(feature => {
      const goal = feature.geometry.coordinates;
      const from = this.placeOf(feature.id, now);
      this.places.set(feature.id, goal);
      if (!this.glides(from, goal)) { this.ways.delete(feature.id); return feature; }
      this.ways.set(feature.id, { from, goal, began: now });
      this.wait();
      return { ...feature, geometry: { ...feature.geometry, coordinates: from } };
    });
  }

  forget(ids) {
    for (const id of ids) { this.ways.delete(id); this.places.delete(id); }
  }

  placeOf(id, now = performance.now()) {
    const way = this.ways.get(id);
    return way ? between(way.from, way.goal, Math.min(1, (now - way.began) / GLIDE_MS)) : this.places.get(id);
  }

  glides(from, goal) {
    if (!from || CALM.matches || document.hidden) return false;
    const far = distance(from, goal);
    return far > NEAREST && far < FARTHEST;
  }

  wait() {
    if (this.waiting) return;
    this.waiting = true;
    setTimeout(() => requestAnimationFrame(() => this.step()), STEP_MS);
  }

  step() {
    this.waiting = false;
    const now = performance.now();
    const moved = [...this.ways].map(([id, way]) => ({ id, coordinates: this.placeOf(id, now), done: now - way.began >= GLIDE_MS }));
    moved.filter(({ done }) => done).forEach(({ id }) => this.ways.delete(id));
    if (!moved.length) return;
    this.draw(moved);
    if (this.ways.size) this.map.once('render', () => this.wait());
  }
}
