// What the map is drawn with can be taken from it: a machine that slept, a graphics driver that was started anew. The browser mostly gives
// it back, and MapLibre then furnishes itself from what it had; where it does not, the page is opened anew where it stood.
import { el, part } from '../dom.mjs';

const PATIENCE_MS = 10000;
// a page that is opened anew again and again helps nobody: within so long it is left to a person
const ONCE_IN_MS = 5 * 60000;
const REBUILT = 'onemap.rebuilt';

/** Whether there is something to set: a map that has lost what it is drawn with has no style. @param {MapLibre} map */
export const hasPicture = map => Boolean(map.style);

/** @param {number} now */
function mayRebuild(now) {
  try {
    if (now - Number(sessionStorage.getItem(REBUILT) ?? -ONCE_IN_MS) < ONCE_IN_MS) return false;
    sessionStorage.setItem(REBUILT, String(now));
    return true;
  } catch { return false; }
}

/**
 * Says that the map has no picture for as long as that is so. `lost` and `back` hear of it, `rebuild` opens the page anew.
 * @param {MapLibre} map
 * @param {{ words: Words, lost: () => void, back: () => void, rebuild: () => void }} parts
 */
export function keepPicture(map, { words: { both }, lost, back, rebuild }) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  /** @param {...(Node | Node[])} parts */
  function say(...parts) {
    const node = part('map-lost');
    node.replaceChildren(...parts.flat());
    node.hidden = parts.length === 0;
  }

  function giveUp() {
    if (mayRebuild(Date.now())) return rebuild();
    say(both('map.lost.for_good'), el('button', { type: 'button', class: 'action', onclick: rebuild }, both('map.rebuild')));
  }

  map.on('webglcontextlost', () => {
    lost();
    say(both('map.lost'));
    clearTimeout(timer);
    timer = setTimeout(giveUp, PATIENCE_MS);
    map.once('style.load', () => {
      clearTimeout(timer);
      back();
      say();
    });
  });
}
