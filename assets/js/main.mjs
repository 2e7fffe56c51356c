// Puts the page together: fetches who, where and which words, starts the map at once and the panels once Dash is there.
import { get, send, toLogin } from './api.mjs';
import { byId, el, whenThere, setProps } from './dom.mjs';
import { setUp } from './words.mjs';
import { connect } from './push.mjs';
import { startMap, controls } from './map/map.mjs';
import { keepCurrent } from './ages.mjs';
import { startActions } from './actions.mjs';
import { startCard, closeCard } from './card.mjs';
import { startChart, drawChart } from './chart.mjs';
import { fetchLayers, startLayers, showLayers, fadeLayers } from './layers.mjs';
import { startEdges } from './edges.mjs';
import { startKeys, toggleHelp } from './keys.mjs';
import { startLists } from './lists.mjs';
import { startLook, lookControls, setLang } from './look.mjs';
import { startNotices } from './notices.mjs';
import { startPictures } from './picture.mjs';
import { startSearch } from './search.mjs';
import { startTopBar } from './topbar.mjs';

const CONTROLS = {
  ...controls,
  ...lookControls,
  'card-close': closeCard,
  'keys-open': toggleHelp,
  'keys-close': toggleHelp,
  logout: () => send('POST', '/logout').finally(() => location.assign('/login')),
};

function press(event) {
  const id = event.target.closest?.('button, [role=menuitem]')?.id;
  if (CONTROLS[id]) CONTROLS[id]();
}

async function panels(me, city, vocabulary, layers) {
  await whenThere('phone-tabs');
  byId('cover')?.remove();
  setProps('me', { data: me });
  setProps('vocabulary', { data: vocabulary });
  startLook();
  startTopBar(city, me);
  startLayers(layers, vocabulary.layer_groups);
  startNotices();
  startCard();
  startPictures();
  startChart();
  startKeys();
  startEdges();
  await Promise.all([startSearch(), startLists()]);
  document.documentElement.dataset.ready = '1';
}

function failed(error) {
  if (error.status === 401) return toLogin();
  const again = el('button', { type: 'button', class: 'action', onclick: () => location.reload() }, byId('cover-retry').content.cloneNode(true));
  return byId('cover')?.replaceChildren(el('p', {}, byId('cover-failed').content.cloneNode(true)), el('p', {}, error.message), again);
}

async function start() {
  const [me, city, vocabulary, catalogue, layers] = await Promise.all([get('/api/me'), get('/api/city'), get('/api/vocabulary'), get('/api/catalogue'), fetchLayers()]);
  setUp(catalogue, city.timezone);
  Object.assign(window.onemap, { me, vocabulary, catalogue });
  if (!window.onemap.langChosen && me.lang) setLang(me.lang);
  document.documentElement.dataset.role = me.role;
  document.addEventListener('click', press);
  startActions();
  connect();
  keepCurrent();
  // The panels first: they are cheap, and a first frame of the map is not where there is no graphics card.
  await whenThere('phone-tabs');
  startMap(city, layers.items);
  window.onemap.open({ showLayers, fadeLayers, drawChart });
  await panels(me, city, vocabulary, layers);
}

start().catch(failed);
