// The strip that says that nothing is heard from the server, and since when: while it stands, everything live is dimmed (base.css).
import { part } from './dom.mjs';

const TICK_MS = 1000;

/** @param {Words} words */
export function makeSilence({ both, clock, duration }) {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;

  /** @param {number} since */
  function show(since) {
    const node = part('silence');
    const seconds = (Date.now() - since) / 1000;
    const words = since ? both('silence.since', { time: clock(new Date(since)), t: duration(seconds) }) : both('silence.never');
    node.replaceChildren(...words);
    node.hidden = false;
  }

  return {
    /** @param {boolean} stands whether what is shown is of now @param {number} heardAt when the server was last heard, 0 for never */
    mark(stands, heardAt) {
      clearInterval(timer);
      document.documentElement.dataset.live = stands ? 'on' : 'off';
      if (stands) part('silence').hidden = true;
      else {
        show(heardAt);
        timer = setInterval(show, TICK_MS, heardAt);
      }
    },
  };
}
