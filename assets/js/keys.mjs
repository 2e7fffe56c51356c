// The keyboard: arrows, Enter, A, D, 1-4, /, Esc, ?. Never while something is being typed.
import { around, part } from './dom.mjs';

const TYPING = 'input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]';
const ARROWS_ARE_ITS_OWN = '.ag-root, [role=tab], [role=slider], [role=menu], dialog, #map';

/** @param {Event} event */
const isTyping = ({ target }) => target instanceof Element && target.matches(TYPING);
const help = () => /** @type {HTMLDialogElement} */ (part('keys-help'));

export function toggleHelp() {
  if (help().open) help().close();
  else help().showModal();
}

/** @param {{ me: Me, selection: Chosen, lists: Lists, search: Search, actions: Actions, pictures: Pictures, reporter: Reporter, dialogs: Dialogs }} parts */
export function startKeys({ me, selection, lists, search, actions, pictures, reporter, dialogs }) {

  /** @param {1 | -1} step @param {KeyboardEvent} event */
  function arrow(step, event) {
    if (around(event, ARROWS_ARE_ITS_OWN)) return;
    event.preventDefault();
    lists.enter(step);
  }

  function acknowledge() {
    const thing = lists.target();
    if (thing?.type === 'line') return lists.openLine(String(thing.line));
    if (!me.permissions.includes('alarm.acknowledge') || thing?.type !== 'alarm') return;
    actions.acknowledge(thing);
    lists.goOn(thing);
  }

  function dispatch() {
    const thing = lists.target();
    if (thing?.type === 'line') return lists.openLine(String(thing.line));
    if (!me.permissions.includes('unit.assign') || !thing) return;
    if (selection.is(thing.type, thing.id)) actions.pressDispatch();
    else selection.select({ type: thing.type, id: String(thing.id) });
  }

  /** @type {Record<string, (event: KeyboardEvent) => void>} */
  const KEYS = {
    ArrowDown: event => arrow(1, event),
    ArrowUp: event => arrow(-1, event),
    a: acknowledge,
    d: dispatch,
    n: event => { event.preventDefault(); reporter.open(); },
    u: actions.undo,
    1: () => lists.showTab('incidents'),
    2: () => lists.showTab('alarms'),
    3: () => lists.showTab('units'),
    4: () => lists.showTab('warnings'),
    '/': event => { event.preventDefault(); search.focus(); },
    '?': toggleHelp,
    Escape: () => { if (!help().open && !pictures.isOpen()) selection.select(null); },
  };

  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialogs.isOpen() || isTyping(event)) return;
    const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
    act?.(event);
  });
}
