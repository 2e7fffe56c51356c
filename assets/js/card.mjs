// The card's data: fetched when something is selected and again when it changes; Dash draws it.
import { get } from './api.mjs';
import { atMost, setProps } from './dom.mjs';
import { live } from './live.mjs';
import { say } from './words.mjs';
import { onSelect, select, selected, locate } from './selection.mjs';

const AGAIN_MS = 1500;
const FOLLOWED = ['alarm', 'incident', 'sensor', 'unit', 'video_event'];
const WITHOUT_UNITS = ['clear', 'closed', 'cancelled'];

let asking = null;
let shown = '';
const keyOf = thing => (thing ? `${thing.type}/${thing.id}` : '');
const state = data => setProps('card-data', { data });

async function recommendations(card, signal) {
  if (card.type !== 'incident' || WITHOUT_UNITS.includes(card.object.status)) return [];
  return (await get(`/api/incidents/${encodeURIComponent(card.id)}/recommendations`, signal)).items;
}

function charted(card) {
  if (card.type === 'sensor') return card.id;
  return card.type === 'alarm' && card.object.thing?.type === 'sensor' ? card.object.thing.id : null;
}

function show(card, units) {
  state({ status: 'ready', card, recommendations: units });
  locate(card.object.lon, card.object.lat);
  if (shown === keyOf(card)) return;
  shown = keyOf(card);
  const sensor = charted(card);
  setProps('chart-request', { data: sensor ? { sensor, rule: card.object.rule ?? null, unit: card.object.unit ?? null } : null });
}

async function load(thing) {
  asking?.abort();
  const controller = new AbortController();
  asking = controller;
  try {
    const card = await get(`/api/cards/${thing.type}/${encodeURIComponent(thing.id)}`, controller.signal);
    const units = await recommendations(card, controller.signal);
    if (keyOf(selected()) === keyOf(thing)) show(card, units);
  } catch (error) {
    if (controller.signal.aborted) return;
    state({ status: 'failed', detail: error.status ? error.message : say('toast.network') });
  }
}

export const reload = atMost(AGAIN_MS, () => selected() && load(selected()));

function open(thing) {
  document.body.dataset.card = thing ? 'open' : 'closed';
  document.body.dataset.sheet = thing ? 'card' : document.body.dataset.sheet === 'card' ? 'map' : document.body.dataset.sheet;
  if (!thing || thing.type === 'place') { asking?.abort(); document.body.dataset.card = 'closed'; shown = ''; return; }
  if (keyOf(thing) !== shown) {
    shown = '';
    setProps('chart-request', { data: null });
    state({ status: 'loading' });
  }
  load(thing);
}

/** What of an object the card shows: a unit's every metre is not worth a request. */
const essence = thing => thing && JSON.stringify([thing.status, thing.state, thing.level, thing.version, thing.changed_at, thing.assignments, thing.incident, thing.snapshot, thing.ended_at, thing.score]);

function follow(kind) {
  let last = '';
  live[kind].on(({ changed, whole }) => {
    const thing = selected();
    if (thing?.type !== kind || !(whole || changed.has(String(thing.id)))) return;
    const now = essence(live[kind].get(thing.id));
    if (now !== last) reload();
    last = now;
  });
}

/** A camera's card follows what the camera sees: its events are named after it. */
function followCamera() {
  live.video_event.on(({ changed }) => {
    const thing = selected();
    if (thing?.type === 'camera' && [...changed].some(id => id.startsWith(`${thing.id}/`))) reload();
  });
}

export function startCard() {
  onSelect((thing, { moved }) => { if (!moved) open(thing); });
  FOLLOWED.forEach(follow);
  followCamera();
  setProps('card-data', { data: { status: 'closed' } });
}

export const closeCard = () => select(null);
