// Keeps every shown age and time current, in the language of the page, and paints legend swatches.
import { setText, atMost } from './dom.mjs';
import { ago, moment } from './words.mjs';
import { paintSwatch } from './swatches.mjs';

const STALE_MS = 120000;

function refresh() {
  for (const node of document.querySelectorAll('[data-age]')) {
    setText(node, node.dataset.age ? ago(node.dataset.age) : '');
    node.classList.toggle('stale', Date.now() - Date.parse(node.dataset.age) > STALE_MS);
  }
  for (const node of document.querySelectorAll('[data-time]')) setText(node, moment(node.dataset.time));
}

const markOf = node => node.dataset.swatch || node.dataset.token || 'none';

function paint() {
  for (const node of document.querySelectorAll('[data-token], [data-swatch]')) {
    if (node.dataset.painted !== markOf(node)) paintSwatch(node);
  }
}

export const refreshAges = refresh;

export function repaintSwatches() {
  for (const node of document.querySelectorAll('[data-painted]')) node.removeAttribute('data-painted');
  paint();
}

export function keepCurrent() {
  const soon = atMost(120, () => { refresh(); paint(); });
  const watch = new MutationObserver(soon);
  watch.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['data-age', 'data-time', 'data-swatch'] });
  setInterval(refresh, 1000);
  soon();
}
