// How costly a frame of the map is here. Where there is no graphics card a frame holds the whole page up: then the map is drawn coarser,
// moving marks are set once a second instead of gliding, and lists and banner stay quick.
const SLOW_MS = 100;
const FRAMES = 8;
const COARSE = 0.6;
const SLOW_EVERY_MS = 1000;

/** Whether frames are slow: the middle one of the last eight took over a tenth of a second. @param {number[]} frames in milliseconds */
export const isSlow = frames => frames.length >= FRAMES && [...frames].sort((a, b) => a - b)[Math.floor(frames.length / 2)] > SLOW_MS;

/** The pace of a machine that is quick enough. */
export const AT_EASE = { calm: () => false, every: (/** @type {number} */ everyMs) => everyMs };

/**
 * Watches the map's frames. Once they are slow they stay so: a map that changed to and fro would be worse than a coarse one.
 * @param {MapLibre} map
 */
export function keepPace(map) {
  /** @type {number[]} */
  let frames = [];
  let slow = false;

  function slowDown() {
    slow = true;
    map.off('render', measure);
    map.setPixelRatio(Math.min(devicePixelRatio, 1) * COARSE);
    document.documentElement.dataset.pace = 'slow';
  }

  /** From the map's own drawing to the next frame of the page: what the drawing holds up. */
  function measure() {
    const from = performance.now();
    requestAnimationFrame(() => {
      if (slow || document.hidden) return;
      frames = [...frames.slice(1 - FRAMES), performance.now() - from];
      if (isSlow(frames)) slowDown();
    });
  }
  map.on('render', measure);

  return {
    /** Whether marks are to be set instead of moved step by step. */
    calm: () => slow,
    /** How often at most a layer is told, that asks to be told every so often. @param {number} everyMs */
    every: everyMs => (slow && everyMs > SLOW_MS * 2 ? Math.max(everyMs, SLOW_EVERY_MS) : everyMs),
  };
}
