// Keeps every shown age and time current, in the language of the page, and paints legend swatches.
import { setText, atMost } from './dom.mjs';
import { countdown, isLate } from './eta.mjs';
import { paintSwatch } from './swatches.mjs';

const STALE_MS = 120000;
// a picture that is older than that shows nothing of now
const LIVE_MS = 60000;
const EVERY_MS = 1000;
const SOON_MS = 120;
const WATCHED = ['data-age', 'data-pictured', 'data-time', 'data-until', 'data-arrives', 'data-waited', 'data-swatch'];

/** @param {string} selector @returns {NodeListOf<HTMLElement>} */
const every = selector => document.querySelectorAll(selector);

/** @param {Words} words */
function refresh({ ago, moment, say, duration, deadline }) {
  for (const node of every('[data-age]')) {
    const since = node.dataset.age ?? '';
    setText(node, since && ago(since));
    node.classList.toggle('stale', Date.now() - Date.parse(since) > STALE_MS);
  }
  for (const node of every('[data-arrives]')) {
    const { key, n } = countdown((Date.parse(node.dataset.arrives ?? '') - Date.now()) / 1000);
    setText(node, say(key, { n }));
    node.classList.toggle('late', key === 'eta.due');
  }
  for (const node of every('[data-waited]')) {
    const seconds = Math.max(0, (Date.now() - Date.parse(node.dataset.waited ?? '')) / 1000);
    setText(node, say('eta.waited', { t: duration(seconds) }));
    node.classList.toggle('late', isLate(seconds, Number(node.dataset.level)));
  }
  for (const node of every('[data-pictured]')) {
    const taken = node.dataset.pictured ?? '';
    node.hidden = !(Date.now() - Date.parse(taken) > LIVE_MS);
    setText(node, node.hidden ? '' : say('card.picture.old', { time: moment(taken) }));
  }
  for (const node of every('[data-until]')) setText(node, deadline(node.dataset.until ?? ''));
  for (const node of every('[data-time]')) setText(node, moment(node.dataset.time ?? ''));
}

/** @param {HTMLElement} node */
const markOf = node => node.dataset.swatch || node.dataset.token || 'none';

function paint() {
  for (const node of every('[data-token], [data-swatch]')) {
    if (node.dataset.painted !== markOf(node)) paintSwatch(node);
  }
}

function repaint() {
  for (const node of every('[data-painted]')) node.removeAttribute('data-painted');
  paint();
}

/** @param {Words} words */
export function keepCurrent(words) {
  const tick = () => refresh(words);
  const soon = atMost(SOON_MS, () => { tick(); paint(); });
  new MutationObserver(soon).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: WATCHED });
  setInterval(tick, EVERY_MS);
  window.addEventListener('onemap:lang', tick);
  window.addEventListener('onemap:theme', repaint);
  soon();
}
