// Buttons that carry an API call or a selection in their data attributes, wherever they stand.
import { send } from './api.mjs';
import { byId, whenThere } from './dom.mjs';
import { live } from './live.mjs';
import { complain, tell } from './notices.mjs';
import { showPicture } from './picture.mjs';
import { select, selected } from './selection.mjs';
import { reload } from './card.mjs';

const SURE_MS = 4000;

let asked = null;
const callOf = ({ dataset }) => `${dataset.method} ${dataset.url} ${dataset.body}`;

function showAsked() {
  for (const button of document.querySelectorAll('[data-confirm]')) {
    button.toggleAttribute('data-asked', callOf(button) === asked);
  }
}

function ask(call) {
  asked = call;
  showAsked();
}

/** What reaches people outside asks for a second press, which counts even where the card was drawn anew in between. */
function sure(button) {
  if (!button.dataset.confirm) return true;
  const call = callOf(button);
  const again = asked === call;
  ask(again ? null : call);
  if (!again) setTimeout(() => { if (asked === call) ask(null); }, SURE_MS);
  return again;
}

// A changed object comes back: it is shown at once, the live channel confirms it.
function take(result) {
  if (!result?.id) return;
  if (result.state && live.alarm.get(result.id)) live.alarm.upsert([result]);
  if (result.status && result.number) live.incident.upsert([result]);
}

async function call(button) {
  const { dataset } = button;
  button.disabled = true;
  try {
    const result = await send(dataset.method, dataset.url, JSON.parse(dataset.body || '{}'));
    take(result);
    if (dataset.next === 'create_incident' && result.id) select({ type: 'incident', id: String(result.id) });
    else reload();
  } catch (error) {
    complain(error);
    reload();
  }
  button.disabled = false;
}

async function copy(text) {
  await navigator.clipboard.writeText(text);
  tell('card.copied');
}

const DOERS = [
  ['[data-url^="/api/"]', button => { if (sure(button)) call(button); }],
  ['[data-select-type]', ({ dataset }) => select({ type: dataset.selectType, id: dataset.selectId })],
  ['[data-picture]:not([data-failed])', ({ dataset }) => showPicture(dataset.picture)],
  ['[data-copy]', ({ dataset }) => copy(dataset.copy).catch(error => complain(error))],
];

export function startActions() {
  whenThere('card-main').then(card => new MutationObserver(showAsked).observe(card, { childList: true, subtree: true }));
  document.addEventListener('click', event => {
    for (const [selector, act] of DOERS) {
      const button = event.target.closest?.(selector);
      if (button) return act(button);
    }
  });
}

/** The same as pressing the button in the alarm's row. */
export async function acknowledge(alarm) {
  try {
    take(await send('POST', `/api/alarms/${encodeURIComponent(alarm.id)}/acknowledge`, {}));
    if (selected()) reload();
  } catch (error) {
    complain(error);
  }
}

/** Presses the card's dispatch button: once to ask, twice to send. */
export function pressDispatch() {
  const button = byId('card')?.querySelector('[data-next=assign], [data-url$="/assignments"], [data-next=create_incident]');
  if (!button) return false;
  button.scrollIntoView({ block: 'nearest' });
  button.focus();
  button.click();
  return true;
}

