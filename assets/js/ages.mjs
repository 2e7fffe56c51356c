// Keeps every shown age and time current, in the language of the page, and paints legend swatches.
import { setText, atMost } from './dom.mjs';
import { paintSwatch } from './swatches.mjs';

const STALE_MS = 120000;
const EVERY_MS = 1000;
const SOON_MS = 120;
const WATCHED = ['data-age', 'data-time', 'data-until', 'data-swatch'];

/** @param {string} selector @returns {NodeListOf<HTMLElement>} */
const every = selector => document.querySelectorAll(selector);

/** @param {Words} words */
function refresh({ ago, moment, deadline }) {
  for (const node of every('[data-age]')) {
    const since = node.dataset.age ?? '';
    setText(node, since && ago(since));
    node.classList.toggle('stale', Date.now() - Date.parse(since) > STALE_MS);
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
