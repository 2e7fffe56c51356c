// The keyboard: arrows, Enter, A, D, 1-3, /, Esc, ?. Never while something is being typed.
import { byId } from './dom.mjs';
import { acknowledge, pressDispatch } from './actions.mjs';
import { closeCard } from './card.mjs';
import { enterList, showTab, target } from './lists.mjs';
import { pictureIsOpen } from './picture.mjs';
import { focusSearch } from './search.mjs';
import { select, selected } from './selection.mjs';

const typing = node => node.matches?.('input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]');
const inList = node => node.closest?.('.ag-root');
const inControl = node => node.closest?.('[role=tab], [role=slider], [role=menu], dialog');
const mayAct = () => window.onemap.me.role !== 'viewer';

export function toggleHelp() {
  const help = byId('keys-help');
  if (help.open) help.close(); else help.showModal();
}

function dispatch() {
  const thing = target();
  if (!thing) return;
  const there = selected()?.type === thing.type && String(selected()?.id) === String(thing.id);
  if (there) pressDispatch(); else select({ type: thing.type, id: String(thing.id) });
}

function arrow(step, event) {
  if (inList(event.target) || inControl(event.target) || event.target.closest?.('#map')) return;
  event.preventDefault();
  enterList(step);
}

const KEYS = {
  ArrowDown: event => arrow(1, event),
  ArrowUp: event => arrow(-1, event),
  a: () => { const thing = target(); if (thing?.type === 'alarm' && mayAct()) acknowledge(thing); },
  d: () => { if (mayAct()) dispatch(); },
  1: () => showTab('incidents'),
  2: () => showTab('alarms'),
  3: () => showTab('units'),
  '/': event => { event.preventDefault(); focusSearch(); },
  '?': toggleHelp,
  Escape: () => { if (!byId('keys-help').open && !pictureIsOpen()) closeCard(); },
};

export function startKeys() {
  document.addEventListener('keydown', event => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const act = KEYS[event.key] || KEYS[event.key.toLowerCase()];
    if (act) act(event);
  });
}
