// Buttons that carry an API call or a selection in their data attributes, wherever they stand.
import { send } from './api.mjs';
import { around, byId, whenThere } from './dom.mjs';

const SURE_MS = 4000;
const ACKNOWLEDGE = /^\/api\/alarms\/([^/]+)\/acknowledge$/;
// calls that acknowledge several: all of them are taken back by one
const SEVERAL = ['/api/alarms/acknowledge-returned', '/api/alarms/acknowledge'];
const DISPATCH = '[data-next=assign], [data-url$="/assignments"], [data-next=create_incident]';

/** @param {HTMLElement} button */
const callOf = ({ dataset }) => `${dataset.method} ${dataset.url} ${dataset.body}`;

/** What reaches people outside asks for a second press, which counts even where the card was drawn anew in between. */
function makeAsker() {
  /** @type {string | null} */
  let asked = null;

  function show() {
    for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-confirm]'))) {
      button.toggleAttribute('data-asked', callOf(button) === asked);
    }
  }

  /** @param {string | null} call */
  function ask(call) {
    asked = call;
    show();
  }

  /** Whether this press counts. @param {HTMLElement} button */
  function sure(button) {
    if (!button.dataset.confirm) return true;
    const call = callOf(button);
    const again = asked === call;
    ask(again ? null : call);
    if (!again) setTimeout(() => { if (asked === call) ask(null); }, SURE_MS);
    return again;
  }

  return { show, sure };
}

/** A changed object comes back: it is shown at once, the live channel confirms it. @param {Live} live @param {any} result */
export function take(live, result) {
  if (!result?.id) return;
  if (result.state && live.alarm.get(result.id)) live.alarm.upsert([result]);
  if (result.status && result.number) live.incident.upsert([result]);
}

/** @param {{ live: Live, sets: Sets, selection: Chosen, card: CardData, notices: Notices, pictures: Pictures, dialogs: Dialogs }} parts */
export function makeActions({ live, sets, selection, card, notices, pictures, dialogs }) {
  const asker = makeAsker();
  /** Takes back what was done last, while that is offered. @type {(() => void) | null} */
  let back = null;

  /** @param {string} url @param {object} body */
  async function takeBack(url, body) {
    try {
      take(live, await send('POST', url, body));
      notices.tell('toast.undone');
      card.reload();
    } catch (error) {
      notices.complain(error);
    }
  }

  /** An acknowledgement can be taken back for a moment. @param {string} id of the alarm @param {Alarm} alarm as it is after it */
  function offerBack(id, alarm) {
    offered(notices.offer('toast.acknowledged', alarm.names, () => takeBack(`/api/alarms/${encodeURIComponent(id)}/unacknowledge`, {})));
  }

  /** All that one press has acknowledged are taken back by one. @param {string[]} ids */
  function offerAllBack(ids) {
    if (ids.length) offered(notices.offer('toast.acknowledged.all', null, () => takeBack('/api/alarms/unacknowledge', { ids }), { n: ids.length }));
  }

  /** @param {() => boolean} mine */
  function offered(mine) {
    back = () => { if (mine()) back = null; };
  }

  /** The alarm that a call acknowledges, if it waits for that: a repeat has nothing to take back. @param {string} url */
  function acknowledges(url) {
    const [, id] = url.match(ACKNOWLEDGE) ?? [];
    const alarm = id && live.alarm.get(decodeURIComponent(id));
    return alarm && sets.waiting(alarm) ? alarm.id : null;
  }

  /** @param {string} method @param {string} url @param {unknown} body */
  async function act(method, url, body) {
    const acknowledged = acknowledges(url);
    const result = await send(method, url, body);
    take(live, result);
    if (acknowledged) offerBack(acknowledged, result);
    if (SEVERAL.includes(url)) offerAllBack(result.ids);
    return result;
  }

  /** What an act that asked has brought. @param {any} result @param {string} url */
  function asked(result, url) {
    take(live, result);
    if (url.endsWith('/join') || url.endsWith('/alarms')) selection.select({ type: 'incident', id: String(result.id) });
    else card.reload();
  }

  /** @param {HTMLButtonElement} button */
  async function call(button) {
    const { method = '', url = '', body, next } = button.dataset;
    button.disabled = true;
    try {
      const result = await act(method, url, JSON.parse(body || '{}'));
      if (next === 'create_incident' && result.id) selection.select({ type: 'incident', id: String(result.id) });
      else card.reload();
    } catch (error) {
      notices.complain(error);
      card.reload();
    }
    button.disabled = false;
  }

  /** @param {string} text */
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      notices.tell('card.copied');
    } catch (error) {
      notices.complain(error);
    }
  }

  /** @type {[string, (button: HTMLElement) => void][]} */
  const DOERS = [
    ['[data-ask]', ({ dataset }) => dialogs.ask(JSON.parse(dataset.ask ?? ''), asked, { refused: () => card.reload() })],
    ['[data-url^="/api/"]', button => { if (asker.sure(button)) call(/** @type {HTMLButtonElement} */ (button)); }],
    ['[data-select-type]', ({ dataset }) => selection.select({ type: dataset.selectType ?? '', id: dataset.selectId ?? '' })],
    ['[data-picture]:not([data-failed])', ({ dataset }) => pictures.show(dataset.picture ?? '', dataset.taken)],
    ['[data-copy]', ({ dataset }) => { copy(dataset.copy ?? ''); }],
  ];

  /** @param {Event} event */
  function press(event) {
    for (const [selector, act] of DOERS) {
      const button = around(event, selector);
      if (button) return act(button);
    }
  }

  return {
    start() {
      whenThere('card-main').then(main => new MutationObserver(asker.show).observe(main, { childList: true, subtree: true }));
      document.addEventListener('click', press);
    },

    /** The same as pressing the button in the alarm's row. @param {{ id: string }} alarm */
    async acknowledge({ id }) {
      const url = `/api/alarms/${encodeURIComponent(id)}/acknowledge`;
      try {
        await act('POST', url, {});
        card.reload();
      } catch (error) {
        notices.complain(error);
      }
    },

    undo: () => back?.(),
    copy,

    /** Presses the card's dispatch button: once to ask, twice to send. */
    pressDispatch() {
      const button = /** @type {HTMLElement | null | undefined} */ (byId('card')?.querySelector(DISPATCH));
      button?.scrollIntoView({ block: 'nearest' });
      button?.focus();
      button?.click();
    },
  };
}
