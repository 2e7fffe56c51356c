// The card's data: fetched when something is selected and again when it changes; Dash draws it.
import { get, wordsOf } from './api.mjs';
import { atMost, setProps } from './dom.mjs';

const AGAIN_MS = 1500;
/** @type {Kind[]} */
const FOLLOWED = ['alarm', 'incident', 'sensor', 'unit', 'video_event'];
const WITHOUT_UNITS = ['clear', 'closed', 'cancelled'];

/** @param {Thing | Card | null} thing */
const keyOf = thing => (thing ? `${thing.type}/${thing.id}` : '');

/** @param {Props} data */
const state = data => setProps('card-data', { data });

/** @param {Card} card @param {AbortSignal} signal @returns {Promise<object[]>} */
async function recommendations(card, signal) {
  if (card.type !== 'incident' || WITHOUT_UNITS.includes(card.object.status ?? '')) return [];
  return (await get(`/api/incidents/${encodeURIComponent(card.id)}/recommendations`, signal)).items;
}

/** The sensor whose chart a card shows. @param {Card} card */
export function charted({ type, id, object: { thing } }) {
  if (type === 'sensor') return id;
  return type === 'alarm' && thing?.type === 'sensor' ? thing.id : null;
}

// What of an object the card shows: a unit's every metre is not worth a request.
const ESSENCE = ['status', 'state', 'level', 'version', 'changed_at', 'assignments', 'incident', 'snapshot', 'ended_at', 'score'];
/** @param {Record<string, any> | undefined} thing */
export const essence = thing => thing && JSON.stringify(ESSENCE.map(name => thing[name]));

/** @param {{ live: Live, words: Words, selection: Chosen }} parts */
export function makeCard({ live, words: { say }, selection }) {
  /** @type {AbortController | null} */
  let asking = null;
  let shown = '';

  /** @param {Card} card @param {object[]} units */
  function show(card, units) {
    state({ status: 'ready', card, recommendations: units });
    selection.locate(card.object.lon, card.object.lat);
    if (shown === keyOf(card)) return;
    shown = keyOf(card);
    const sensor = charted(card);
    setProps('chart-request', { data: sensor ? { sensor, rule: card.object.rule ?? null, unit: card.object.unit ?? null } : null });
  }

  /** @param {Thing} thing */
  async function load(thing) {
    asking?.abort();
    const controller = new AbortController();
    asking = controller;
    try {
      /** @type {Card} */
      const card = await get(`/api/cards/${thing.type}/${encodeURIComponent(thing.id)}`, controller.signal);
      const units = await recommendations(card, controller.signal);
      if (keyOf(selection.current()) === keyOf(thing)) show(card, units);
    } catch (error) {
      if (controller.signal.aborted) return;
      state({ status: 'failed', detail: wordsOf(error) ?? say('toast.network') });
    }
  }

  const reload = atMost(AGAIN_MS, () => {
    const thing = selection.current();
    if (thing) load(thing);
  });

  function close() {
    asking?.abort();
    shown = '';
    document.body.dataset.card = 'closed';
  }

  /** @param {Thing | null} thing */
  function open(thing) {
    const { dataset } = document.body;
    dataset.card = thing ? 'open' : 'closed';
    if (thing) dataset.sheet = 'card';
    else if (dataset.sheet === 'card') dataset.sheet = 'map';
    if (!thing || thing.type === 'place') return close();
    if (keyOf(thing) !== shown) {
      shown = '';
      setProps('chart-request', { data: null });
      state({ status: 'loading' });
    }
    load(thing);
  }

  /** @param {Kind} kind */
  function follow(kind) {
    /** @type {string | undefined} */
    let last = '';
    live[kind].on(({ changed, whole }) => {
      const thing = selection.current();
      if (thing?.type !== kind || !(whole || changed.has(String(thing.id)))) return;
      const now = essence(live[kind].get(thing.id));
      if (now !== last) reload();
      last = now;
    });
  }

  /** A camera's card follows what the camera sees: its events are named after it. */
  function followCamera() {
    live.video_event.on(({ changed }) => {
      const thing = selection.current();
      if (thing?.type === 'camera' && [...changed].some(id => id.startsWith(`${thing.id}/`))) reload();
    });
  }

  return {
    reload,
    start() {
      selection.on((thing, { moved }) => { if (!moved) open(thing); });
      FOLLOWED.forEach(follow);
      followCamera();
      state({ status: 'closed' });
    },
  };
}
