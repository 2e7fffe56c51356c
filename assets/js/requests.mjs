// Requests for access to data: whoever may decide one, and whoever was answered, is told of it in the bar of whatever page they are on.
import { answer } from './api.mjs';
import { byId, setText } from './dom.mjs';

const EVERY_MS = 10_000;

/** @typedef {{ to_decide: number, answered: number }} Waiting */

/** What is said of them; nothing where there are none. @param {Waiting} waiting @param {Pick<Words, 'texts'>} words */
export function wordsOf({ to_decide: mine, answered }, { texts }) {
  if (mine && answered) return texts('bar.requests.both', { a: mine, b: answered });
  if (mine) return texts('bar.requests.to_decide', { n: mine });
  return answered ? texts('bar.requests.answered', { n: answered }) : null;
}

/** Asks now and then; `draw` shows what is known, in a bar that may have been drawn anew. @param {Me} me @param {Words} words */
export function followRequests(me, words) {
  /** @type {Waiting} */
  let waiting = { to_decide: 0, answered: 0 };

  function draw() {
    const link = byId('requests-told');
    const said = wordsOf(waiting, words)?.[words.lang()] ?? '';
    if (!link || link.dataset.said === said) return;
    link.dataset.said = said;
    link.hidden = !said;
    link.setAttribute('aria-label', said);
    setText(link.querySelector('.number'), waiting.to_decide + waiting.answered);
    setText(link.querySelector('.tip'), said);
  }

  async function ask() {
    if (document.hidden) return;
    try {
      waiting = await answer(fetch('/api/catalogue/requests/waiting', { headers: { accept: 'application/json' } }));
      draw();
    } catch {
      // a server that is away is said elsewhere; what was known stays
    }
  }

  // who must change their password first is answered nothing else
  if (me.permissions.includes('city.read') && !me.must_change) {
    setInterval(ask, EVERY_MS);
    document.addEventListener('visibilitychange', ask);
    window.addEventListener('onemap:lang', draw);
    ask();
  }
  return { draw };
}
