// The card of what is selected: Dash draws it on the server, on the selection; here stands when it is asked for, and what happens without an answer.
import { atMost, part, setProps, whenSeen } from './dom.mjs';
import { pageLang } from './words.mjs';

const AGAIN_MS = 1500;
const WAIT_MS = 5000;
// what a card says of the clock (silent, waiting since) is said by the server
const CLOCK_MS = 30000;
/** @type {Kind[]} */
const FOLLOWED = ['alarm', 'incident', 'sensor', 'unit', 'video_event', 'warning'];

/** @param {Thing | null} thing */
const keyOf = thing => (thing ? `${thing.type}/${thing.id}` : '');

// What of an object the card shows: a unit's every metre is not worth a request.
const ESSENCE = ['status', 'state', 'level', 'version', 'changed_at', 'assignments', 'incident', 'snapshot', 'ended_at', 'score'];
/** @param {Record<string, any> | undefined} thing */
export const essence = thing => thing && JSON.stringify(ESSENCE.map(name => thing[name]));

/**
 * Requests with numbers, of which the last one counts. What is to be read again while an answer is awaited is asked for after it: an
 * answer that takes long is not thrown away again and again.
 * @param {{ send: (thing: Thing, asked: number) => void, late: () => void, after?: (call: () => void, ms: number) => unknown }} parts
 */
export function makeAsker({ send, late, after = setTimeout }) {
  let asked = 0;
  let waiting = false;
  /** @type {Thing | null} */
  let again = null;

  /** @param {Thing} thing */
  function ask(thing) {
    asked += 1;
    waiting = true;
    again = null;
    const mine = asked;
    send(thing, mine);
    after(() => {
      if (!waiting || mine !== asked) return;
      waiting = false;
      late();
    }, WAIT_MS);
  }

  return {
    ask,
    /** @param {Thing} thing */
    askAgain(thing) {
      if (waiting) again = thing;
      else ask(thing);
    },
    /** Whether this is the answer to the last request; late ones count too. @param {number} number */
    answered(number) {
      if (number !== asked) return false;
      waiting = false;
      if (again) ask(again);
      return true;
    },
    /** No answer counts any more. */
    forget() {
      asked += 1;
      waiting = false;
      again = null;
    },
  };
}

/** @param {{ live: Live, selection: Chosen }} parts */
export function makeCard({ live, selection }) {
  let shown = '';
  /** In which language the last answer was asked for. @type {Lang} */
  let lang = 'zh';

  /** loading, ready; failed: nothing to show; stale: what is shown could not be read again. @param {'loading' | 'ready' | 'failed' | 'stale'} state */
  function mark(state) { document.body.dataset.cardState = state; }

  const asker = makeAsker({
    send({ type, id }, asked) {
      lang = pageLang();
      setProps('selection', { data: { type, id: String(id), asked, lang } });
    },
    late: () => mark(shown ? 'stale' : 'failed'),
  });

  /** Clientside callback: the server has drawn the card. @param {CardDrawn | null} card */
  function drawn(card) {
    const drawnIn = lang;
    if (!card || !asker.answered(card.asked)) return;
    mark('ready');
    document.body.dataset.cardLang = drawnIn;
    selection.locate(card.lon, card.lat);
    const key = keyOf(selection.current());
    if (shown === key) return;
    shown = key;
    part('card').querySelector('.scroll')?.scrollTo({ top: 0 });
    setProps('chart-request', { data: card.chart });
  }

  const again = whenSeen(() => {
    const thing = selection.current();
    if (thing && thing.type !== 'place') asker.askAgain(thing);
  });
  const reload = atMost(AGAIN_MS, again);

  /** The server answers again: what could not be read is read now. */
  function recovered() {
    const state = document.body.dataset.cardState;
    if (state === 'failed' || state === 'stale') again();
  }

  function close() {
    asker.forget();
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
      mark('loading');
    }
    asker.ask(thing);
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

  /** An incident's card shows its alarms as they are. */
  function followAlarms() {
    live.alarm.on(({ changed, removed }) => {
      const thing = selection.current();
      const mine = thing?.type === 'incident' ? live.incident.get(thing.id)?.alarms ?? [] : [];
      if (mine.some(id => changed.has(id) || removed.has(id))) reload();
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
    drawn,
    recovered,
    start() {
      selection.on((thing, { moved }) => { if (!moved) open(thing); });
      FOLLOWED.forEach(follow);
      followCamera();
      followAlarms();
      window.addEventListener('onemap:lang', again);
      setInterval(reload, CLOCK_MS);
    },
  };
}
