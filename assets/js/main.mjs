// Puts the page together: who, where and which words were asked for early; the parts are made of each other here and nowhere else;
// the map starts as soon as Dash has the panels.
import { ApiError, answer, send, toLogin } from './api.mjs';
import { keepCurrent } from './ages.mjs';
import { makeActions } from './actions.mjs';
import { makeDialogs } from './ask.mjs';
import { makeCard } from './card.mjs';
import { makeChart } from './chart.mjs';
import { keepWithAccount, takeOver } from './chosen.mjs';
import { around, byId, copyOf, el, remembered, whenThere } from './dom.mjs';
import { asked } from './early.mjs';
import { startEdges } from './edges.mjs';
import { startKeys, toggleHelp } from './keys.mjs';
import { followJudged } from './judged.mjs';
import { asLinked, linkOf, linkedIn } from './link.mjs';
import { makeInside } from './inside.mjs';
import { makeLayerTree, readLayers } from './layers.mjs';
import { startLists } from './lists.mjs';
import { fold, makeLive } from './live.mjs';
import { lookControls, showLang, startLook, takeLook } from './look.mjs';
import { makeLiveLayers } from './map/features.mjs';
import { startMap } from './map/map.mjs';
import { fontDeclared } from './map/style.mjs';
import { startRoutes } from './map/routes.mjs';
import { makeNotices } from './notices.mjs';
import { startPhones } from './phones.mjs';
import { makePictures, watchPictures } from './picture.mjs';
import { Channel, pushAddress } from './push.mjs';
import { makeReporter } from './report.mjs';
import { makeSearch } from './search.mjs';
import { makeSelection } from './selection.mjs';
import { makeSets } from './sets.mjs';
import { makeSilence } from './silence.mjs';
import { startTopBar } from './topbar.mjs';
import { makeTour } from './tour.mjs';
import { makeWords } from './words.mjs';

const TEST = new URLSearchParams(location.search).has('test');

/** @typedef {{ me: Me, city: City, vocabulary: Vocabulary, catalogue: Texts, layers: LayerState, choices: import('./layers.mjs').Choices }} Given */
/** @typedef {Awaited<ReturnType<typeof compose>>['page']} Page */

/** @returns {Promise<Given>} */
async function given() {
  const me = await answer(asked.me);
  takeOver(me);
  takeLook();
  const choices = remembered('layers', {});
  const [city, vocabulary, catalogue, layers] = await Promise.all([
    answer(asked.city), answer(asked.vocabulary), answer(asked.catalogue), readLayers(asked.layers, choices),
  ]);
  return { me, city, vocabulary, catalogue, layers, choices };
}

/** `recovered` hears that the server speaks again. @param {Live} live @param {Words} words @param {() => void} recovered */
function openChannel(live, words, recovered) {
  const silence = makeSilence(words);
  const channel = new Channel(pushAddress(location), {
    fold: message => fold(live, message),
    marked: stands => {
      whenThere('silence').then(() => silence.mark(channel.stands, channel.heardAt));
      if (stands) recovered();
    },
    ended: toLogin,
  });
  addEventListener('offline', () => channel.network(false));
  addEventListener('online', () => channel.network(true));
  // What an alarm's rule judges now goes with the alarm.
  live.alarm.on(({ removed }) => live.judged.remove([...removed].map(id => ({ id }))));
  channel.connect();
  return channel;
}

/** Buttons outside any panel's own doing, by their id. @param {Record<string, () => unknown>} controls */
function listenToControls(controls) {
  document.addEventListener('click', event => controls[around(event, 'button, [role=menuitem]')?.id ?? '']?.());
}

// Where there is no room for both (panels.css) the layers give way to the card, and the card to who asks for the layers.
const NARROW = matchMedia('(max-width: 1500px) and (min-width: 821px)');
/** @param {Chosen} selection */
const unfold = selection => () => {
  if (NARROW.matches && selection.current()) selection.select(null);
  else lookControls['left-fold']();
};

const GREETED = 'onemap.greeted';
/** Once after each log-in: as whom. @param {Me} me @param {Pick<Notices, 'say'>} notices */
function greet(me, notices) {
  if (sessionStorage.getItem(GREETED) === me.username) return;
  sessionStorage.setItem(GREETED, me.username);
  notices.say('toast.welcome', { zh: `${me.name || me.username} · ${me.role_names.zh}`, en: `${me.name || me.username} · ${me.role_names.en}` });
}

function logOut() {
  sessionStorage.removeItem(GREETED);
  send('POST', '/logout').finally(() => location.assign('/login'));
}

/** Makes the parts that stand without Dash, then waits for the panels and makes those. @param {Given} given */
async function compose({ me, city, vocabulary, catalogue, layers, choices }) {
  const words = makeWords(catalogue, city.timezone);
  const live = makeLive();
  const sets = makeSets(vocabulary);
  const liveLayers = makeLiveLayers(sets);
  const selection = makeSelection(live);
  const notices = makeNotices({ live, sets, words, selection, catalogue, vocabulary });
  const pictures = makePictures(words);
  const card = makeCard({ live, selection });
  const chart = makeChart({ live, words, metrics: vocabulary.metrics });
  const dialogs = makeDialogs({ words, catalogue });
  const actions = makeActions({ live, sets, selection, card, notices, pictures, dialogs });

  document.documentElement.dataset.may = me.permissions.join(' ');
  const linked = linkedIn(location.search);
  if (linked.lang) showLang(linked.lang);
  keepWithAccount();
  actions.start();
  startPhones({ words, notices });
  /** @type {(() => void)[]} */
  const recoveries = [card.recovered];
  const channel = openChannel(live, words, () => { for (const recover of recoveries) recover(); });
  keepCurrent(words);
  // The panels first: they are cheap, and a first frame of the map is not where there is no graphics card.
  await Promise.all([whenThere('phone-tabs'), fontDeclared()]);
  layers = { ...layers, items: asLinked(layers.items, linked.layers) };
  const map = startMap({ city, layers: layers.items, live, sets, liveLayers, selection, words, rebuild: () => location.replace(linkHere()) });
  recoveries.push(map.recover);
  const search = makeSearch({ live, words, selection, bbox: city.bbox, middle: () => map.map.getCenter() });
  startRoutes({ map: map.map, live, selection });
  const reporter = makeReporter({ me, dialogs, vocabulary, words, map: map.map, selection, live });
  const tree = makeLayerTree({ live, liveLayers, map, choices, layers });
  listenToControls({
    ...map.controls, ...lookControls, 'left-fold': unfold(selection), 'card-close': () => selection.select(null), 'card-retry': card.reload, 'keys-open': toggleHelp, 'keys-close': toggleHelp, 'incident-new': reporter.open, logout: logOut,
  });

  const tour = makeTour({ words });
  const linkHere = () => linkOf({ origin: location.origin, thing: selection.current(), center: map.map.getCenter(), zoom: map.map.getZoom(), layers: tree.shown(), lang: words.lang() });
  const inside = makeInside({ map: map.map, words, catalogue, vocabulary, layers: layers.items, selection });
  listenToControls({ 'map-inside': inside.open, 'map-link': () => actions.copy(linkHere()), 'tour-open': () => { toggleHelp(); tour.begin(); } });

  async function startPanels() {
    byId('cover')?.remove();
    startLook();
    startTopBar({ city, me, live, sets, words, channel });
    tree.start(vocabulary.layer_groups);
    notices.start();
    card.start();
    watchPictures();
    chart.start();
    followJudged({ live, words, metrics: vocabulary.metrics });
    startEdges();
    const [lists] = await Promise.all([startLists({ live, sets, selection, context: { me, vocabulary, catalogue } }), search.start()]);
    startKeys({ me, selection, lists, search, actions, pictures, reporter, dialogs });
    document.documentElement.dataset.ready = '1';
    if (linked.at) map.map.jumpTo(linked.at);
    if (linked.open) selection.select(linked.open, { fly: !linked.at });
    if (!TEST) {
      greet(me, notices);
      tour.offer(city);
    }
  }

  return { page: { map: map.map, live, showLayers: tree.showLayers, fadeLayers: tree.fadeLayers, drawChart: chart.draw, cardDrawn: card.drawn }, startPanels };
}

/** Where the page cannot start it says so, with a way to try again. @param {unknown} error */
function failed(error) {
  if (error instanceof ApiError && error.status === 401) return toLogin();
  console.error('page', error); // where the cover has gone already nothing else says it
  const detail = error instanceof Error ? error.message : '';
  const again = el('button', { type: 'button', class: 'action', onclick: () => location.reload() }, copyOf('cover-retry'));
  byId('cover')?.replaceChildren(el('p', {}, copyOf('cover-failed')), el('p', {}, detail), again);
}

/** @param {(page: Page) => void} opened */
async function start(opened) {
  try {
    const composed = await compose(await given());
    opened(composed.page);
    await composed.startPanels();
  } catch (error) {
    failed(error);
  }
}

/**
 * The running page, once it is composed: by it Dash's clientside callbacks (boot.js) and the browser tests reach its parts.
 * @type {Promise<Page>}
 */
export const page = new Promise(resolve => { start(resolve); });
