// The layer tree's data and its switches: what each person shows and how strongly is remembered in this browser.
import { get } from './api.mjs';
import { byId, remember, remembered, setProps, setText, atMost } from './dom.mjs';
import { live } from './live.mjs';
import { LIVE_LAYERS } from './map/features.mjs';
import { fadeLayer, onLayerFailed, showLayer } from './map/map.mjs';

const choices = remembered('layers', {});
const visible = new Map();

function choose(id, choice) {
  choices[id] = { ...choices[id], ...choice };
  remember('layers', choices);
}

/** The layers of the city with this person's choices. A failure leaves the map with what is built in. */
export async function fetchLayers() {
  try {
    const { items } = await get('/api/layers');
    const chosen = items.map(item => ({ ...item, ...choices[item.id] }));
    chosen.forEach(item => visible.set(item.id, item.visible));
    return { status: 'ready', items: chosen };
  } catch (error) {
    return { status: 'failed', detail: error.message, items: [] };
  }
}

/** Clientside callback: the switches of the tree, with their ids. */
export function showLayers(values, ids) {
  ids.forEach(({ id }, index) => {
    if (visible.get(id) === values[index]) return;
    visible.set(id, values[index]);
    choose(id, { visible: values[index] });
    showLayer(id, values[index]);
  });
}

/** Clientside callback: the sliders of the tree, 10 to 100. */
export function fadeLayers(values, ids) {
  ids.forEach(({ id }, index) => {
    if ((choices[id]?.opacity ?? 1) === values[index] / 100) return;
    choose(id, { opacity: values[index] / 100 });
    fadeLayer(id, values[index] / 100);
  });
}

function count(layer) {
  const { kind, shown } = LIVE_LAYERS[layer];
  const node = document.querySelector(`[data-count-of="${layer}"]`);
  if (!node || !live[kind].known) return;
  setText(node, live[kind].all().filter(shown).length.toLocaleString('en'));
  const age = document.querySelector(`[data-layer="${layer}"] .freshness time`);
  if (age && heard[layer]) age.dataset.age = heard[layer];
}

const heard = {};

/** Count and age of a live layer are those of what was last heard. */
function follow(layer) {
  const soon = atMost(500, () => count(layer));
  live[LIVE_LAYERS[layer].kind].on(() => {
    heard[layer] = new Date().toISOString();
    soon();
  });
}

const sourceLayers = { base: ['districts', 'streets', 'water', 'green'] };

export function startLayers(state, groups) {
  setProps('layers-data', { data: { ...state, groups } });
  for (const layer of Object.keys(LIVE_LAYERS)) follow(layer);
  new MutationObserver(() => Object.keys(LIVE_LAYERS).forEach(count)).observe(byId('layer-tree'), { childList: true });
  onLayerFailed(source => (sourceLayers[source] || [source]).forEach(id => document.querySelector(`[data-layer="${id}"]`)?.setAttribute('data-failed', '1')));
}
