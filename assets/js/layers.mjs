// The layer tree's data and its switches: what each person shows and how strongly is remembered in this browser.
import { answer, rest } from './api.mjs';
import { part, remember, setProps, setText, atMost } from './dom.mjs';
import { shownOf } from './map/features.mjs';

const COUNT_MS = 500;
const RENEW_MS = 1500;
// source of the map -> layers of the tree that live on it, where these are not the same
/** @type {Record<string, string[]>} */
const LAYERS_ON = { base: ['districts', 'streets', 'water', 'green'] };

/** @typedef {Record<string, LayerChoice>} Choices what this person has chosen, by layer */

/**
 * The layers of the city with this person's choices. A failure leaves the map with what is built in.
 * @param {Promise<Response>} asking
 * @param {Choices} choices
 * @returns {Promise<LayerState>}
 */
export async function readLayers(asking, choices) {
  try {
    const items = await rest(await answer(asking), '/api/layers');
    return { status: 'ready', items: items.map((/** @type {LayerItem} */ item) => ({ ...item, ...choices[item.id] })) };
  } catch (error) {
    return { status: 'failed', detail: error instanceof Error ? error.message : '', items: [] };
  }
}

/** @param {{ live: Live, liveLayers: LiveLayers, map: CityMap, choices: Choices, layers: LayerState }} parts */
export function makeLayerTree({ live, liveLayers, map, choices, layers }) {
  const visible = new Map(layers.items.map(item => [item.id, item.visible]));
  /** When a live layer was last heard. @type {Map<string, string>} */
  const heard = new Map();

  /** @param {string} id @param {LayerChoice} choice */
  function choose(id, choice) {
    choices[id] = { ...choices[id], ...choice };
    remember('layers', choices);
  }

  /** @param {string} name */
  function count(name) {
    const layer = liveLayers[name];
    const node = document.querySelector(`[data-count-of="${name}"]`);
    if (!node || !live[layer.kind].known) return;
    setText(node, shownOf(layer, live[layer.kind].all()).length.toLocaleString('en'));
    /** @type {HTMLElement | null} */
    const age = document.querySelector(`[data-layer="${name}"] .freshness time`);
    const at = heard.get(name);
    if (age && at) age.dataset.age = at;
  }

  /** Count and age of a live layer are those of what was last heard. @param {string} name */
  function follow(name) {
    const soon = atMost(COUNT_MS, () => count(name));
    live[liveLayers[name].kind].on(() => {
      heard.set(name, new Date().toISOString());
      soon();
    });
  }

  /** What of the list the tree shows besides counts. @param {LayerItem[]} items */
  const shownIn = items => JSON.stringify(items.map(({ id, title, group, legend, style }) => [id, title, group, legend, style]));
  /** @type {unknown} */
  let groups = null;

  /** A layer has come, gone, or is called or drawn otherwise: tree and map have it without the page being loaded again. */
  async function renew() {
    const found = await readLayers(fetch('/api/layers'), choices);
    if (found.status !== 'ready') return;
    const items = found.items.map(item => ({ ...item, visible: visible.get(item.id) ?? item.visible }));
    for (const item of items) if (!visible.has(item.id)) visible.set(item.id, item.visible);
    for (const id of visible.keys()) if (!items.some(item => item.id === id)) visible.delete(id);
    map.follow(items);
    const same = shownIn(items) === shownIn(layers.items);
    layers = { ...layers, items };
    if (!same) setProps('layers-data', { data: { ...layers, groups } });
    else for (const { id, own, count: n } of items) if (own) setText(document.querySelector(`[data-count-of="${CSS.escape(id)}"]`), Number(n).toLocaleString('en'));
  }

  return {
    /** The layers that are on. */
    shown: () => [...visible].flatMap(([id, on]) => (on ? [id] : [])),

    /** Clientside callback: the switches of the tree, with their ids. @param {boolean[]} values @param {{ id: string }[]} ids */
    showLayers(values, ids) {
      ids.forEach(({ id }, index) => {
        if (visible.get(id) === values[index]) return;
        visible.set(id, values[index]);
        choose(id, { visible: values[index] });
        map.showLayer(id, values[index]);
      });
    },

    /** Clientside callback: the sliders of the tree, 10 to 100. @param {number[]} values @param {{ id: string }[]} ids */
    fadeLayers(values, ids) {
      ids.forEach(({ id }, index) => {
        const opacity = values[index] / 100;
        if ((choices[id]?.opacity ?? 1) === opacity) return;
        choose(id, { opacity });
        map.fadeLayer(id, opacity);
      });
    },

    /** @param {unknown} named the groups of the tree */
    start(named) {
      groups = named;
      const names = Object.keys(liveLayers);
      const soon = atMost(RENEW_MS, renew);
      const ours = new Set(layers.items.flatMap(({ id, own, raster }) => (own || raster ? [] : [id])));
      live.layer.on(({ changed }) => { if ([...changed].some(id => !ours.has(id))) soon(); });
      setProps('layers-data', { data: { ...layers, groups } });
      names.forEach(follow);
      new MutationObserver(() => names.forEach(count)).observe(part('layer-tree'), { childList: true });
      map.onLayerFailed((source, failed) => {
        for (const id of LAYERS_ON[source] ?? [source]) document.querySelector(`[data-layer="${id}"]`)?.toggleAttribute('data-failed', failed);
      });
    },
  };
}
