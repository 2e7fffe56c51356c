// How costly a frame of the map is here. Where there is no graphics card a frame holds the whole page up: then the map is drawn coarser,
// without smoothed edges and fading labels, moving marks are set once a second instead of gliding, and lists and banner stay quick.
const SLOW_MS = 100;
const FRAMES = 8;
const COARSE = 0.6;
const SLOW_EVERY_MS = 1000;
// after each slow frame the map rests for so many times what it took, and for so long nothing rests after a hand was on it
const REST = 3;
// a frame that seems to have taken longer was never drawn: a page that nobody sees draws none
const LONGEST_MS = 1000;
const HAND_MS = 800;
const HANDS = ['pointerdown', 'pointermove', 'wheel', 'touchstart', 'keydown'];

/** Whether frames are slow: the middle one of the last eight took over a tenth of a second. @param {number[]} frames in milliseconds */
export const isSlow = frames => frames.length >= FRAMES && [...frames].sort((a, b) => a - b)[Math.floor(frames.length / 2)] > SLOW_MS;

// renderers of OpenGL and Direct3D that draw without a graphics card
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Whether a processor draws instead of a graphics card, by the name of the renderer. @param {string} renderer */
export const isSoftware = renderer => SOFTWARE.test(renderer);

/** What draws WebGL in this browser; empty where it does not say. */
export function rendererHere() {
  const gl = document.createElement('canvas').getContext('webgl2');
  const info = gl?.getExtension('WEBGL_debug_renderer_info');
  const name = gl ? String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER)) : '';
  gl?.getExtension('WEBGL_lose_context')?.loseContext();
  return name;
}

/** The pace of a machine that is quick enough. */
export const AT_EASE = { calm: () => false, every: (/** @type {number} */ everyMs) => everyMs };

/**
 * Slow frames leave the page the most of its time: what wants to be drawn meanwhile is drawn together. While the view moves or a hand is on
 * the map nothing waits.
 * @param {Pick<MapLibre, 'triggerRepaint' | 'isMoving' | 'on'>} map
 * @param {{ now?: () => number, after?: (call: () => void, ms: number) => unknown, nextFrame?: (call: () => void) => unknown, hand?: () => number }} parts
 */
export function restBetween(map, { now = () => performance.now(), after = setTimeout, nextFrame = requestAnimationFrame, hand = () => -Infinity }) {
  const draw = map.triggerRepaint.bind(map);
  let until = -Infinity;
  let waiting = false;
  map.on('render', () => {
    const began = now();
    nextFrame(() => { until = now() + REST * Math.min(now() - began, LONGEST_MS); });
  });
  map.triggerRepaint = () => {
    const left = until - now();
    if (left <= 0 || map.isMoving() || now() - hand() < HAND_MS) return draw();
    if (waiting) return;
    waiting = true;
    after(() => { waiting = false; draw(); }, left);
  };
}

/** When a hand was last on the map. @param {HTMLElement} node */
function watchHand(node) {
  let at = -Infinity;
  for (const kind of HANDS) node.addEventListener(kind, () => { at = performance.now(); }, { passive: true });
  return () => at;
}

/** How coarse the map is where frames are slow: canvas pixels for one of the page. */
export const coarseRatio = () => Math.min(devicePixelRatio, 1) * COARSE;

/**
 * Watches the map's frames. Once they are slow they stay so: a map that changed to and fro would be worse than a coarse one.
 * @param {MapLibre} map @param {boolean} software where a processor draws it is slow from the beginning
 */
export function keepPace(map, software) {
  /** @type {number[]} */
  let frames = [];
  let slow = false;

  function slowDown() {
    slow = true;
    map.off('render', measure);
    map.setPixelRatio(coarseRatio());
    restBetween(map, { hand: watchHand(map.getCanvasContainer()) });
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
  if (software) slowDown();
  else map.on('render', measure);

  return {
    /** Whether marks are to be set instead of moved step by step. */
    calm: () => slow,
    /** How often at most a layer is told, that asks to be told every so often. @param {number} everyMs */
    every: everyMs => (slow && everyMs > SLOW_MS * 2 ? Math.max(everyMs, SLOW_EVERY_MS) : everyMs),
  };
}
