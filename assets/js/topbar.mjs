// The figures of the top bar and the clock, from the live collections.
import { byId, setText, atMost } from './dom.mjs';
import { live } from './live.mjs';
import { LEVELS } from './tokens.mjs';
import { clock, day, duration, both } from './words.mjs';
import { channel } from './push.mjs';

const WAITING = ['unacknowledged', 'returned_unacknowledged', 'latched'];
const BUSY = ['assigned', 'en_route', 'on_scene'];
// These speak when something happens, or are not registered with us: their silence is no fault.
const ON_OCCASION = ['reports', 'video', 'unknown'];
const OLD_S = 60;
const DEAD_S = 300;

// EEMUA 191: about one alarm in ten minutes is acceptable, two can be handled, more than ten is a flood.
const RATES = [[10, 'flood'], [2, 'busy'], [-1, 'calm']];

function byLevel(name, things) {
  setText(byId(`figure-${name}`), things.length);
  for (const level of LEVELS) {
    const count = things.filter(thing => thing.level === level).length;
    const node = byId(`figure-${name}-${level}`);
    setText(node, count);
    node.parentElement.dataset.count = count;
  }
}

const drawers = {
  incident: () => byLevel('incidents', live.incident.all().filter(({ status }) => !['closed', 'cancelled'].includes(status))),
  alarm: () => byLevel('alarms', live.alarm.all().filter(({ state }) => WAITING.includes(state))),
  unit: () => {
    const all = live.unit.all();
    setText(byId('figure-units-free'), all.filter(({ status }) => status === 'available').length);
    setText(byId('figure-units-busy'), all.filter(({ status }) => BUSY.includes(status)).length);
  },
  health: () => {
    const health = live.health.get('health');
    if (health) rate(health.alarm_rate_10min ?? 0);
  },
};

function rate(count) {
  const [, word] = RATES.find(([limit]) => count > limit);
  setText(byId('figure-rate'), Math.round(count));
  byId('figure-rate-word').replaceChildren(...both(`bar.rate.${word}`));
  byId('box-rate').dataset.state = word;
}

function oldest({ feeds = [], oldest_feed_s: whole }) {
  const ages = feeds.filter(({ id, age_s: age }) => age != null && !ON_OCCASION.includes(id)).map(({ age_s: age }) => age);
  return ages.length ? Math.max(...ages) : whole ?? 0;
}

let healthAt = 0;
function health() {
  const known = live.health.get('health');
  if (!known) return;
  const silent = channel.connected() ? 0 : (Date.now() - channel.heardAt()) / 1000;
  const age = oldest(known) + (Date.now() - healthAt) / 1000 + silent;
  setText(byId('figure-health'), duration(Math.max(0, age)));
  byId('box-health').dataset.state = age > DEAD_S ? 'dead' : age > OLD_S ? 'old' : 'fresh';
}

function tick() {
  const now = new Date();
  setText(byId('clock'), clock(now));
  setText(byId('clock-date'), day(now));
  health();
}

export function startTopBar(city, me) {
  byId('city-name').replaceChildren(...both('app.name'), ' · ', ...['zh', 'en'].map(code => Object.assign(document.createElement('span'), { lang: code, textContent: city.name[code] })));
  byId('exercise').hidden = !city.simulated;
  setText(byId('user-name'), me.name || me.username);
  for (const [kind, draw] of Object.entries(drawers)) live[kind].on(atMost(200, draw));
  live.health.on(() => { healthAt = Date.now(); });
  setInterval(tick, 1000);
  window.addEventListener('onemap:lang', tick);
  tick();
  role(me);
}

function role(me) {
  byId('user-role').replaceChildren(me.username, ' · ', ...both(`role.${me.role}`));
  const menu = document.querySelector('.user-menu');
  document.addEventListener('click', event => { if (!menu.contains(event.target)) menu.open = false; });
}
