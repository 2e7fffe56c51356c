// What all pages beside the One Map page share in the browser: language and theme, ages that stay current, the session watched, and
// the focus led to what was opened or is wrong. What a page does is in Python (app/pages).
import { answer } from '../api.mjs';
import { around, byId, setText } from '../dom.mjs';
import { keepWithAccount, takeOver } from '../chosen.mjs';
import { lookControls, startTheme, takeLook } from '../look.mjs';
import { followRequests } from '../requests.mjs';
import { makeWords, pageLang } from '../words.mjs';
import { paintSwatch } from '../swatches.mjs';
import { takeFiles } from './upload.mjs';

const EVERY_MS = 1000;
const WATCH_MS = 5000;
const root = document.documentElement;
// presses of keys that were for an open list
const overLists = new WeakSet();
const json = (/** @type {string} */ url) => answer(fetch(url, { headers: { accept: 'application/json' } }));

/** @param {Words} words */
function keepAges({ ago, moment }) {
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-age]'))) {
    const since = node.dataset.age ?? '';
    setText(node, since && ago(since));
    if (node.title !== moment(since)) node.title = moment(since);
  }
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-time]'))) setText(node, moment(node.dataset.time ?? ''));
}

/** @param {HTMLElement} node */
function show(node) {
  node.closest('details')?.setAttribute('open', '');
  node.scrollIntoView({ block: 'center' });
}

/** What was opened beside a list begins at its head and has the focus; what is wrong is in sight. @param {MutationRecord[]} changes */
function lead(changes) {
  for (const { addedNodes } of changes) {
    for (const node of addedNodes) {
      if (!(node instanceof HTMLElement)) continue;
      /** @type {HTMLElement | null} */
      const heading = node.matches('.detail > *') ? node.querySelector('h2[tabindex]') : null;
      if (heading && node.parentElement) node.parentElement.scrollTop = 0;
      heading?.focus({ preventScroll: true });
      const wrong = node.matches('.error, .mantine-InputWrapper-error') ? node : node.querySelector('.error, .mantine-InputWrapper-error');
      if (wrong instanceof HTMLElement && wrong.closest('.form')) show(wrong);
    }
  }
}

/** Lists to choose from hold bare strings: those of the page's language. */
function speakChoices() {
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-choices]'))) {
    if (node.dataset.spoken === pageLang()) continue;
    node.dataset.spoken = pageLang();
    const { id, choices } = JSON.parse(node.dataset.choices ?? '{}');
    window.dash_clientside.set_props(id, { data: choices.map((/** @type {Bilingual & { value: string }} */ one) => ({ value: one.value, label: one[pageLang()] })) });
  }
}

/** Marks as the map draws them. */
function paintMarks() {
  for (const node of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-swatch]'))) {
    if (node.dataset.painted !== node.dataset.swatch) paintSwatch(node);
  }
}

function repaintMarks() {
  for (const node of document.querySelectorAll('[data-painted]')) node.removeAttribute('data-painted');
  paintMarks();
}

/** Another tab by its address. */
function follow() {
  const tab = document.querySelector(`[data-tab="${CSS.escape(location.hash.slice(1))}"]`);
  if (tab instanceof HTMLElement && tab.getAttribute('aria-selected') !== 'true') tab.click();
}

/** Tables draw their cells with what grid.js brings; where that script was lost on its way they show nothing that can be read. Once more, then. */
function needRenderers() {
  if (window.dashAgGridComponentFunctions?.Parts || !document.querySelector('.kit-grid')) return;
  const tried = 'onemap.renderers';
  if (sessionStorage.getItem(tried)) return;
  sessionStorage.setItem(tried, '1');
  location.reload();
}

/** A page stands once Dash has drawn it. */
function ready() {
  if (root.dataset.ready || !document.querySelector('main.page')) return;
  needRenderers();
  byId('cover')?.remove();
  root.dataset.ready = '1';
}

/** Whether the server answers us: a session that has ended leads to the log-in, a server that is away is said. */
async function watch() {
  if (document.hidden) return;
  try {
    await json('/api/me');
    delete root.dataset.away;
  } catch {
    root.dataset.away = '1';
  }
}

/** A list to choose from stood open when the key was pressed: Escape closes that, and has closed it when it comes to us. @param {KeyboardEvent} event */
function noteOpen(event) {
  if (event.target instanceof HTMLElement && event.target.matches('[aria-expanded="true"], [data-expanded]')) overLists.add(event);
}

/** Enter in a field presses the button of its form, Escape closes what was opened beside a list. @param {KeyboardEvent} event */
function onKey(event) {
  const { key, target } = event;
  if (event.defaultPrevented || event.isComposing || !(target instanceof HTMLElement)) return;
  const pane = target.closest('.detail');
  const isPlain = target instanceof HTMLInputElement && target.closest('.form') && !target.matches('[aria-haspopup], [type=checkbox]');
  /** @type {HTMLElement | null | undefined} */
  const button = key === 'Enter' && isPlain ? target.closest('.try, .detail')?.querySelector('[data-submit]')
    : key === 'Escape' && !overLists.has(event) ? pane?.querySelector('header button') : null;
  button?.click();
}

document.addEventListener('keydown', noteOpen, true);
document.addEventListener('keydown', onKey);
document.addEventListener('click', event => {
  const pressed = around(event, 'button')?.id ?? '';
  if (pressed === 'language-switch' || pressed === 'theme-switch') lookControls[pressed]();
  const fence = around(event, '[data-fence]');
  // the map and its library, for those who draw
  if (fence instanceof HTMLElement) import('./fence.mjs').then(({ openFence }) => openFence(fence, city, words));
});
const [me, city, catalogue] = await Promise.all([json('/api/me'), json('/api/city'), json('/api/texts')]);
takeOver(me);
takeLook();
startTheme();
keepWithAccount();
const words = makeWords(catalogue, city.timezone);
const requests = followRequests(me, words);
const tick = () => { ready(); requests.draw(); speakChoices(); paintMarks(); keepAges(words); takeFiles(catalogue); };
new MutationObserver(changes => { lead(changes); tick(); }).observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ['data-age', 'data-time'] });
setInterval(tick, EVERY_MS);
setInterval(watch, WATCH_MS);
window.addEventListener('onemap:lang', tick);
window.addEventListener('onemap:theme', repaintMarks);
window.addEventListener('hashchange', follow);
tick();
