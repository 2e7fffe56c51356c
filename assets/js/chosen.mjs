// What a person has chosen goes with their account from one browser to the next: taken over when a page starts, sent a moment after
// each change. What could not be sent is sent with the next change, or when the page is left.
import { keep, remembered } from './dom.mjs';

const SEND_MS = 800;
// what the account's settings hold (app/people/chosen.py); the language is the account's own
export const SETTINGS = ['theme', 'left', 'right', 'widths', 'layers', 'tour', 'order'];

/**
 * The choices of who is here, in the place of those of who was here before in this browser.
 * @param {Pick<Me, 'username' | 'lang' | 'settings'>} me
 */
export function takeOver({ username, lang, settings }) {
  const another = remembered('of', username) !== username;
  keep('of', JSON.stringify(username));
  if (lang) keep('lang', lang);
  for (const name of SETTINGS) {
    if (name in settings) keep(name, settings[name]);
    else if (another) keep(name, undefined);
  }
}

/** @param {{ send: (changes: object, last: boolean) => Promise<unknown>, after?: (call: () => void, ms: number) => unknown }} parts */
export function makeKeeper({ send, after = setTimeout }) {
  /** @type {Record<string, unknown>} */
  let waiting = {};
  let due = false;

  /** @param {boolean} last whether the page is being left */
  async function flush(last = false) {
    due = false;
    const { lang, ...settings } = waiting;
    if (!Object.keys(waiting).length) return;
    const sent = waiting;
    waiting = {};
    try {
      await send({ ...(lang ? { lang } : {}), ...(Object.keys(settings).length ? { settings } : {}) }, last);
    } catch {
      waiting = { ...sent, ...waiting };
    }
  }

  return {
    flush,
    /** @param {string} name @param {unknown} value */
    chosen(name, value) {
      if (name !== 'lang' && !SETTINGS.includes(name)) return;
      waiting[name] = value;
      if (due) return;
      due = true;
      after(() => flush(), SEND_MS);
    },
  };
}

/** What is chosen from now on goes to the account. */
export function keepWithAccount() {
  const keeper = makeKeeper({
    send: async (changes, keepalive) => {
      const headers = { 'content-type': 'application/json', accept: 'application/json' };
      const answer = await fetch('/api/me', { method: 'PATCH', headers, body: JSON.stringify(changes), keepalive });
      // what is refused would be refused again
      if (answer.status >= 500) throw new Error(String(answer.status));
    },
  });
  addEventListener('onemap:chosen', event => {
    const { name, value } = /** @type {CustomEvent} */ (event).detail;
    keeper.chosen(name, value);
  });
  addEventListener('pagehide', () => keeper.flush(true));
}
