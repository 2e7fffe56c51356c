// The work lists: ordered rows into AG Grid. While the person's hand is in a list nothing there moves.
import { byId, setText, atMost, whenThere, setProps } from './dom.mjs';
import { live } from './live.mjs';
import { isStale } from './map/features.mjs';
import { select, selected, onSelect } from './selection.mjs';

const EVERY_MS = 250;
const HELD_MS = 15000;
const CLOSED = ['closed', 'cancelled'];
const QUIET = ['normal', 'shelved', 'suppressed_by_design', 'out_of_service'];
const UNIT_ORDER = ['on_scene', 'en_route', 'assigned', 'available', 'out_of_service'];
const waiting = alarm => (['unacknowledged', 'returned_unacknowledged', 'latched'].includes(alarm.state) ? 0 : 1);
const later = (a, b) => (a < b ? 1 : a > b ? -1 : 0);

// list -> kind of the live channel, grid, which things it holds, which is first
const LISTS = {
  incidents: { kind: 'incident', grid: 'grid-incidents', holds: thing => !CLOSED.includes(thing.status), order: (a, b) => a.level - b.level || later(a.opened_at, b.opened_at) },
  alarms: { kind: 'alarm', grid: 'grid-alarms', holds: thing => !QUIET.includes(thing.state), order: (a, b) => waiting(a) - waiting(b) || a.level - b.level || later(a.raised_at, b.raised_at) },
  units: {
    kind: 'unit', grid: 'grid-units', holds: () => true, row: unit => ({ ...unit, stale: isStale(unit) }),
    order: (a, b) => UNIT_ORDER.indexOf(a.status) - UNIT_ORDER.indexOf(b.status) || a.kind.localeCompare(b.kind) || a.id.localeCompare(b.id, 'en', { numeric: true }),
  },
};
export const LIST_OF = { incident: 'incidents', alarm: 'alarms', unit: 'units' };

const open = {};
let tab = 'incidents';
export const currentTab = () => tab;

class List {
  constructor(name, api) {
    Object.assign(this, LISTS[name], { name, api, ids: [], touchedAt: -Infinity, inside: false });
    this.soon = atMost(EVERY_MS, () => this.draw());
    live[this.kind].on(() => this.soon());
    this.hold(byId(this.grid));
    byId(`held-${name}`).addEventListener('click', () => this.release());
  }

  hold(node) {
    node.addEventListener('pointerenter', () => { this.inside = true; this.touchedAt = performance.now(); });
    node.addEventListener('pointermove', () => { this.touchedAt = performance.now(); });
    node.addEventListener('pointerleave', () => { this.inside = false; this.soon(); });
    node.addEventListener('keydown', () => { this.touchedAt = performance.now(); });
    node.addEventListener('focusout', () => this.soon());
  }

  /** A hand that rests for long does not hold the list for ever. */
  held() {
    const focused = byId(this.grid).contains(document.activeElement);
    return (this.inside || focused) && performance.now() - this.touchedAt < HELD_MS;
  }

  release() {
    this.touchedAt = -Infinity;
    this.draw();
  }

  draw() {
    const things = live[this.kind].all().filter(this.holds).sort(this.order);
    setText(byId(`tab-count-${this.name}`), things.length || '');
    byId(`empty-${this.name}`).hidden = things.length > 0 || !live[this.kind].known;
    const held = this.held() && this.ids.length > 0;
    const present = new Map(things.map(thing => [String(thing.id), thing]));
    const ids = held ? this.ids : [...present.keys()];
    this.offer(held ? things.filter(thing => !this.ids.includes(String(thing.id))).length : 0);
    this.ids = ids;
    const rows = ids.map(id => present.get(id) || live[this.kind].get(id)).filter(Boolean).map(this.row || (thing => thing));
    this.api.setGridOption('rowData', rows);
    if (held) setTimeout(this.soon, 1000);
  }

  offer(count) {
    byId(`held-${this.name}`).hidden = count === 0;
    setText(byId(`held-count-${this.name}`), count);
  }

  focused() {
    const cell = byId(this.grid).contains(document.activeElement) && this.api.getFocusedCell();
    return cell ? this.api.getDisplayedRowAtIndex(cell.rowIndex)?.data : null;
  }

  /** The keyboard leaves a row that is no longer what the page is about. */
  leave(thing) {
    const row = this.focused();
    if (!row || String(row.id) === String(thing?.id)) return;
    this.api.clearFocusedCell();
    document.activeElement.blur();
  }

  follow(thing) {
    this.leave(thing);
    if (LIST_OF[thing?.type] !== this.name) return this.api.deselectAll();
    const node = this.api.getRowNode(String(thing.id));
    node?.setSelected(true, true);
    if (node && !this.inside) this.api.ensureNodeVisible(node);
  }
}

function wire(list) {
  const type = list.kind;
  const choose = data => data && select({ type, id: String(data.id) });
  list.api.addEventListener('cellClicked', ({ data, event }) => { if (!event.target.closest('button')) choose(data); });
  list.api.addEventListener('cellKeyDown', ({ data, event }) => { if (event.key === 'Enter') choose(data); });
}

/** Brings one list to the front. */
export function showTab(name) {
  tab = name;
  setProps('list-tabs', { value: name });
}

const TRIES = 60;
const AGAIN_MS = 30;

/** A tab that was just chosen draws its rows a moment later; a row that is not drawn takes no focus. */
function focusRow(list, row, tries = TRIES) {
  list.api.ensureIndexVisible(row);
  list.api.setFocusedCell(row, 'row');
  const there = byId(list.grid).contains(document.activeElement);
  if (!there && tries > 0 && list === open[tab]) setTimeout(focusRow, AGAIN_MS, list, row, tries - 1);
}

/** Puts the keyboard into the list in front. */
export function enterList(step) {
  const list = open[tab];
  const last = list.api.getDisplayedRowCount() - 1;
  if (last < 0) return;
  const at = list.api.getRowNode(String(selected()?.id))?.rowIndex ?? (step > 0 ? -1 : last + 1);
  const row = Math.max(0, Math.min(last, at + step));
  focusRow(list, row);
}

/** What the keyboard is on: the focused row, else the selection. */
export function target() {
  const list = Object.values(open).find(one => one.focused());
  return list ? { type: list.kind, ...list.focused() } : selected() && { ...live[selected().type]?.get(selected().id), ...selected() };
}

function followTabs() {
  document.addEventListener('click', event => {
    const button = event.target.closest('#list-tabs [role=tab]');
    const name = button?.querySelector('[data-testid]')?.dataset.testid.replace('tab-', '');
    if (name) tab = name;
  });
}

export async function startLists() {
  for (const [name, { grid }] of Object.entries(LISTS)) {
    await whenThere(grid);
    open[name] = new List(name, await window.dash_ag_grid.getApiAsync(grid));
    wire(open[name]);
    open[name].draw();
  }
  followTabs();
  onSelect((thing, { moved }) => {
    if (moved) return;
    if (LIST_OF[thing?.type] && tab !== LIST_OF[thing.type]) showTab(LIST_OF[thing.type]);
    Object.values(open).forEach(list => list.follow(thing));
  });
}
