// Moving marks glide to where they were last heard instead of jumping. Each step waits for the map to have drawn the one
// before: a slow machine takes few large steps, a quick one many small ones. The view never moves.
const GLIDE_MS = 1000;
const STEP_MS = 60;
const FARTHEST = 0.006; // degrees, some 500 m: beyond that it is a correction, not a way
const NEAREST = 2e-6;

/** @typedef {{ from: Place, goal: Place, began: number }} Way */
/** @typedef {{ id: string, coordinates: Place }} Moved */

/** @param {Place} from @param {Place} to */
const distance = ([x, y], [u, v]) => Math.max(Math.abs(u - x), Math.abs(v - y));

/**
 * Whether a mark that is seen at `from` glides to `goal`: one that is new, stands still or jumps too far does not.
 * @param {Place | undefined} from
 * @param {Place} goal
 */
export function glides(from, goal) {
  if (!from) return false;
  const far = distance(from, goal);
  return far > NEAREST && far < FARTHEST;
}

/** @param {Way} way @param {number} now */
export const hasArrived = (way, now) => now - way.began >= GLIDE_MS;

/** Where on its way a mark is. @param {Way} way @param {number} now @returns {Place} */
export function placeOn({ from: [x, y], goal: [u, v], began }, now) {
  const share = Math.min(1, Math.max(0, (now - began) / GLIDE_MS));
  return [x + (u - x) * share, y + (v - y) * share];
}

/** Nothing glides for who asked for less movement, or where nobody looks. */
export const isCalm = () => matchMedia('(prefers-reduced-motion: reduce)').matches || document.hidden;
/** @param {() => void} step */
const inAMoment = step => { setTimeout(() => requestAnimationFrame(step), STEP_MS); };

export class Glide {
  /**
   * `draw` moves marks that are on the map, `drawn` runs what it is given once the map has drawn.
   * @param {{ draw: (moved: Moved[]) => void, drawn: (then: () => void) => void, now?: () => number, calm?: () => boolean, later?: (step: () => void) => void }} hands
   */
  constructor({ draw, drawn, now = () => performance.now(), calm = isCalm, later = inAMoment }) {
    this.hands = { draw, drawn, now, calm, later };
    this.waiting = false;
    /** @type {Map<string, Way>} */
    this.ways = new Map();
    /** @type {Map<string, Place>} */
    this.places = new Map();
  }

  /**
   * The features as they are to be drawn now; those that have moved set out from where they are seen.
   * @param {PointFeature[]} features
   * @returns {PointFeature[]}
   */
  set(features) {
    const now = this.hands.now();
    const calm = this.hands.calm();
    return features.map(feature => {
      const id = String(feature.id);
      const goal = /** @type {Place} */ (feature.geometry.coordinates);
      const from = this.placeOf(id, now);
      this.places.set(id, goal);
      if (calm || !from || !glides(from, goal)) { this.ways.delete(id); return feature; }
      this.ways.set(id, { from, goal, began: now });
      this.wait();
      return { ...feature, geometry: { ...feature.geometry, coordinates: from } };
    });
  }

  /** @param {string[]} ids */
  forget(ids) {
    for (const id of ids) { this.ways.delete(id); this.places.delete(id); }
  }

  /** Where a mark is seen. @param {string} id @param {number} now */
  placeOf(id, now) {
    const way = this.ways.get(id);
    return way ? placeOn(way, now) : this.places.get(id);
  }

  wait() {
    if (this.waiting) return;
    this.waiting = true;
    this.hands.later(() => this.step());
  }

  step() {
    this.waiting = false;
    const now = this.hands.now();
    const moved = [...this.ways].map(([id, way]) => ({ id, coordinates: placeOn(way, now) }));
    for (const [id, way] of this.ways) if (hasArrived(way, now)) this.ways.delete(id);
    if (!moved.length) return;
    this.hands.draw(moved);
    if (this.ways.size) this.hands.drawn(() => this.wait());
  }
}
