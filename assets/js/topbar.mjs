// The figures of the top bar and the clock, from the live collections.
import { atMost, byId, part, setText } from './dom.mjs';
import { freshness, oldestFeed, perLevel, rateOf, readiness } from './figures.mjs';
import { followRequests } from './requests.mjs';
import { pair } from './words.mjs';

const DRAW_MS = 200;
const TICK_MS = 1000;

/** @param {string} name @param {{ level: Level }[]} things */
function showLevels(name, things) {
  setText(byId(`figure-${name}`), things.length);
  for (const [level, count] of perLevel(things)) {
    const node = part(`figure-${name}-${level}`);
    setText(node, count);
    if (node.parentElement) node.parentElement.dataset.count = String(count);
  }
}

/** @param {number | null} count @param {Words} words */
function showLoad(count, { both }) {
  const { figure, load } = rateOf(count);
  setText(byId('figure-rate'), figure);
  part('figure-rate-word').replaceChildren(...both(`bar.rate.${load}`));
  part('box-rate').dataset.state = load;
}

/** Figures follow their collections. @param {Live} live @param {Sets} sets @param {Words} words */
function followFigures(live, sets, words) {
  live.incident.on(atMost(DRAW_MS, () => showLevels('incidents', live.incident.all().filter(incident => !sets.ended(incident)))));
  live.alarm.on(atMost(DRAW_MS, () => showLevels('alarms', live.alarm.all().filter(sets.waiting))));
  live.unit.on(atMost(DRAW_MS, () => {
    const { free, busy } = readiness(live.unit.all(), sets);
    setText(byId('figure-units-free'), free);
    setText(byId('figure-units-busy'), busy);
  }));
  live.health.on(atMost(DRAW_MS, () => {
    const known = live.health.get('health');
    if (known) showLoad(known.alarm_rate_10min, words);
  }));
}

/** @param {{ city: City, me: Me, live: Live, sets: Sets, words: Words, channel: Channel }} parts */
export function startTopBar({ city, me, live, sets, words, channel }) {
  // what is known already when the bar begins has just come
  let healthAt = Date.now();

  /** The age of the data grows between two reports of it, and while the channel is silent. */
  function showHealth() {
    const known = live.health.get('health');
    if (!known) return;
    const now = Date.now();
    const age = oldestFeed(known) + (now - healthAt) / 1000;
    setText(byId('figure-health'), words.duration(Math.max(0, age)));
    part('box-health').dataset.state = channel.stands ? freshness(age) : 'dead';
  }

  function tick() {
    const now = new Date();
    setText(byId('clock'), words.clock(now));
    const zone = words.zoneNames(now);
    setText(byId('clock-date'), zone ? `${words.day(now)} · ${words.plain(zone)}` : words.day(now));
    showHealth();
  }

  part('city-name').replaceChildren(...words.both('app.name'), ' · ', ...pair(city.name));
  part('exercise').hidden = !city.simulated;
  showUser(me);
  // how old the data is everybody may know, what brings it not
  if (!me.permissions.includes('source.read')) part('box-health').removeAttribute('href');
  live.health.on(() => { healthAt = Date.now(); });
  followFigures(live, sets, words);
  followRequests(me, words);
  setInterval(tick, TICK_MS);
  window.addEventListener('onemap:lang', tick);
  tick();
}

/** @param {Me} me */
function showUser(me) {
  setText(byId('user-name'), me.name || me.username);
  part('user-role').replaceChildren(me.username, ' · ', ...pair(me.role_names));
  const menu = /** @type {HTMLDetailsElement | null} */ (document.querySelector('.user-menu'));
  document.addEventListener('click', ({ target }) => { if (menu && !menu.contains(/** @type {Node} */ (target))) menu.open = false; });
}
