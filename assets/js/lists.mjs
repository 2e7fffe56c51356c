// The work lists: ordered rows into AG Grid. While the person's hand is in a list nothing there moves.
import { around, atMost, byId, keptText, part, remember, setProps, setText, whenSeen, whenThere } from './dom.mjs';
import { collectionOf } from './live.mjs';
import { lineOfEach, rowIdOf } from './lines.mjs';
import { ORDERS, arranged, listOf, makeLists, nextOf, rowsOf } from './rows.mjs';

const EVERY_MS = 250;
// A hand that has not moved for so long has left. What moves then is not yet what it would press: a press that comes within SETTLE_MS of
// it is none.
const HELD_MS = 60000;
const SETTLE_MS = 700;
const HELD_CHECK_MS = 1000;
const TRIES = 60;
const AGAIN_MS = 30;

/** @typedef {import('./rows.mjs').ListName} ListName */
/** @typedef {{ me: Me, vocabulary: Vocabulary, catalogue: Texts }} RowContext what the renderers in cells.js draw rows with */

class List {
  /** @param {ListName} name @param {import('./rows.mjs').ListSpec} spec @param {Grid} api @param {Live} live */
  constructor(name, spec, api, live) {
    this.name = name;
    this.api = api;
    this.spec = spec;
    this.node = part(this.spec.grid);
    /** @type {Collection<any>} */
    this.things = live[this.spec.kind];
    /** @type {string[]} */
    this.ids = [];
    this.touchedAt = -Infinity;
    this.movedAt = -Infinity;
    this.inside = false;
    /** The row that the keyboard is on, by its id: rows change places. @type {string | null} */
    this.focus = null;
    this.keeping = false;
    /** What is chosen, where it stands in this list. @type {string | null} */
    this.chosen = null;
    /** Lines whose alarms are shown. @type {Set<string>} */
    this.open = new Set();
    /** Rows as they were last drawn, by id. @type {Map<string, { said: string, row: any }>} */
    this.kept = new Map();
    this.soon = atMost(EVERY_MS, whenSeen(() => this.draw()));
    this.things.on(() => this.soon());
    if (spec.also) live[spec.also].on(() => this.soon());
    this.watchHand();
    part(`held-${name}`).addEventListener('click', () => this.release());
  }

  get hasFocus() { return this.node.contains(document.activeElement); }

  watchHand() {
    const touch = () => { this.touchedAt = performance.now(); };
    this.node.addEventListener('pointerenter', () => { this.inside = true; touch(); });
    this.node.addEventListener('pointermove', touch);
    this.node.addEventListener('pointerleave', () => { this.inside = false; this.soon(); });
    this.node.addEventListener('keydown', touch);
    this.node.addEventListener('focusout', () => this.soon());
    this.node.addEventListener('click', event => {
      if (performance.now() - this.movedAt > SETTLE_MS) return;
      event.stopPropagation();
      event.preventDefault();
    }, true);
    this.api.addEventListener('cellFocused', ({ rowIndex }) => {
      if (rowIndex != null && !this.keeping) this.focus = this.idAt(rowIndex);
    });
  }

  /** @param {number} row */
  idAt(row) {
    const data = this.api.getDisplayedRowAtIndex(row)?.data;
    return data ? String(data.id) : null;
  }

  /** The keyboard stays on its row wherever that has gone; where it has left the list, the keyboard is on none. */
  keepFocus() {
    const cell = this.hasFocus ? this.api.getFocusedCell() : null;
    if (!cell || this.focus === null || this.idAt(cell.rowIndex) === this.focus) return;
    const row = this.api.getRowNode(this.focus)?.rowIndex;
    if (row == null) return this.unfocus();
    this.keeping = true;
    this.api.setFocusedCell(row, 'row');
    this.keeping = false;
  }

  unfocus() {
    this.focus = null;
    this.api.clearFocusedCell();
    /** @type {HTMLElement | null} */ (document.activeElement)?.blur();
  }

  /** Whether a hand is on it. One that rests for long does not hold the list for ever. */
  held() {
    return (this.inside || this.hasFocus) && performance.now() - this.touchedAt < HELD_MS;
  }

  /** A row that says what it said before is the same object: the grid leaves it as it is. @param {any} row */
  same(row) {
    const id = String(row.id);
    const said = JSON.stringify(row);
    const held = this.kept.get(id);
    if (held?.said === said) return held.row;
    this.kept.set(id, { said, row });
    return row;
  }

  /** A list behind another shows its switch while there is something in it, or while it is open. @param {number} all */
  offer(all) {
    const toggle = byId(`switch-${this.name}`);
    if (toggle) toggle.hidden = all === 0 && toggle.getAttribute('aria-pressed') !== 'true';
  }

  release() {
    this.touchedAt = -Infinity;
    this.draw();
    this.movedAt = -Infinity; // it was asked for
  }

  /** The rows as they stand. @returns {any[]} */
  shown() {
    /** @type {any[]} */
    const rows = [];
    this.api.forEachNode(({ data }) => rows.push(data));
    return rows;
  }

  /** Opens or closes a line: what moves by that was asked for. @param {string} line @param {boolean} [open] */
  toggle(line, open = !this.open.has(line)) {
    if (open) this.open.add(line);
    else this.open.delete(line);
    this.draw(false);
    this.movedAt = -Infinity;
  }

  /** Opens the line in which a thing stands, if it stands in one that is closed; whether it was. @param {string} id */
  reveal(id) {
    if (!this.spec.gathers || this.api.getRowNode(id)) return false;
    const line = lineOfEach(arranged(this.spec, this.things.all())).get(id);
    if (line) this.toggle(line, true);
    return line !== undefined;
  }

  draw(held = this.held() && this.ids.length > 0) {
    const { ids, rows, all, news } = rowsOf(this.spec, this.things, held ? this.ids : null, this.open);
    if (this.inside && !held && this.ids.length > 0 && ids.join() !== this.ids.join()) this.movedAt = performance.now();
    this.ids = ids;
    const there = new Set(ids);
    for (const id of this.kept.keys()) if (!there.has(id)) this.kept.delete(id);
    setText(byId(`tab-count-${this.name}`), all || '');
    this.offer(all);
    part(`empty-${this.name}`).hidden = all > 0 || !this.things.known;
    part(`held-${this.name}`).hidden = news === 0;
    setText(byId(`held-count-${this.name}`), news);
    this.api.setGridOption('rowData', rows.map(row => this.same(row)));
    this.keepFocus();
    if (held) setTimeout(this.soon, HELD_CHECK_MS);
  }

  /** The thing in the row that the keyboard is on. */
  focused() {
    return this.hasFocus && this.api.getFocusedCell() && this.focus !== null ? this.api.getRowNode(this.focus)?.data ?? null : null;
  }

  /** The keyboard leaves a row that is no longer what the page is about. @param {Thing | null} thing */
  leave(thing) {
    const row = this.focused();
    if (row && String(row.id) !== String(thing?.id)) this.unfocus();
  }

  /** @param {Thing | null} thing */
  follow(thing) {
    this.leave(thing);
    this.chosen = thing?.type === this.spec.kind ? String(thing.id) : null;
    if (thing?.type !== this.spec.kind) return this.api.deselectAll();
    // rows that have only just come lose what is chosen among them when the grid has taken them
    if (this.reveal(String(thing.id))) setTimeout(() => { if (this.chosen === String(thing.id)) this.mark(thing); }, AGAIN_MS);
    this.mark(thing);
  }

  /** @param {Thing} thing */
  mark(thing) {
    const node = this.api.getRowNode(String(thing.id));
    node?.setSelected(true, true);
    if (node && !this.inside) this.api.ensureNodeVisible(node);
  }
}

/** A line opens and closes where an alarm is chosen. @param {List} list @param {Chosen} selection */
function wire(list, selection) {
  const { api, spec } = list;
  /** @param {{ id: string, line?: string, waits?: string[] } | undefined} data */
  const choose = data => {
    if (data?.line && data.waits) list.toggle(data.line);
    else if (data) selection.select({ type: spec.kind, id: String(data.id) });
  };
  api.addEventListener('cellClicked', ({ data, event }) => { if (!event.target.closest('button')) choose(data); });
  api.addEventListener('cellKeyDown', ({ data, event }) => {
    if (event.key === 'Enter') choose(data);
    if (data?.waits && (event.key === 'ArrowRight' || event.key === 'ArrowLeft')) list.toggle(data.line, event.key === 'ArrowRight');
  });
}

/** @param {HTMLElement} toggle @param {boolean} behind */
function showBehind(toggle, behind) {
  toggle.setAttribute('aria-pressed', String(behind));
  toggle.closest('[data-list]')?.toggleAttribute('data-behind', behind);
}

/** By what this person wants work ordered. */
const chosenOrder = () => ORDERS.find(order => order === keptText('order')) ?? 'risk';

/** @param {string} order */
function markOrder(order) {
  for (const button of document.querySelectorAll('[data-order]')) {
    button.setAttribute('aria-pressed', String(button.getAttribute('data-order') === order));
  }
}

/** Fills the lists once their grids are there. @param {{ live: Live, sets: Sets, selection: Chosen, context: RowContext }} parts */
export async function startLists({ live, sets, selection, context }) {
  const open = /** @type {Record<ListName, List>} */ ({});
  /** @type {ListName} */
  let tab = 'incidents';

  /** Brings one list to the front. @param {ListName} name */
  function showTab(name) {
    tab = name;
    setProps('list-tabs', { value: name });
  }

  /**
   * A tab that was just chosen draws its rows a moment later; a row that is not drawn takes no focus.
   * @param {List} list
   * @param {number} row
   */
  function focusRow(list, row, tries = TRIES) {
    list.api.ensureIndexVisible(row);
    list.api.setFocusedCell(row, 'row');
    if (!list.hasFocus && tries > 0 && list === open[tab]) setTimeout(focusRow, AGAIN_MS, list, row, tries - 1);
  }

  let by = chosenOrder();
  const lists = makeLists(sets, live, () => by);
  for (const name of /** @type {ListName[]} */ (Object.keys(lists))) {
    const { grid } = lists[name];
    await whenThere(grid);
    const api = await window.dash_ag_grid.getApiAsync(grid);
    api.setGridOption('context', context);
    open[name] = new List(name, lists[name], api, live);
    wire(open[name], selection);
    open[name].draw();
  }
  markOrder(by);
  document.addEventListener('click', event => {
    const order = around(event, '[data-order]')?.getAttribute('data-order');
    if (order) {
      remember('order', order);
      by = chosenOrder();
      markOrder(by);
      for (const list of Object.values(open)) list.release();
      return;
    }
    const toggle = around(event, '.switch-list');
    if (toggle) showBehind(toggle, toggle.getAttribute('aria-pressed') !== 'true');
    const name = around(event, '#list-tabs [role=tab]')?.querySelector('[data-testid]')?.getAttribute('data-testid')?.replace('tab-', '');
    if (name && name in lists) tab = /** @type {ListName} */ (name);
  });
  const may = context.me.permissions.includes('alarm.acknowledge');
  live.alarm.on(atMost(EVERY_MS, () => {
    const count = live.alarm.all().filter(sets.returned).length;
    part('acknowledge-returned').hidden = !may || count < 2;
    setText(byId('returned-count'), count);
  }));
  selection.on((thing, { moved }) => {
    if (moved) return;
    const name = listOf(thing?.type);
    if (name && tab !== name) showTab(name);
    for (const list of Object.values(open)) list.follow(thing);
  });

  return {
    showTab,

    /** Puts the keyboard into the list in front. @param {1 | -1} step */
    enter(step) {
      const list = open[tab];
      const last = list.api.getDisplayedRowCount() - 1;
      if (last < 0) return;
      const at = list.api.getRowNode(String(selection.current()?.id))?.rowIndex ?? (step > 0 ? -1 : last + 1);
      focusRow(list, Math.max(0, Math.min(last, at + step)));
    },

    /**
     * Goes on to the next alarm that waits, after the one that was dealt with: the keyboard where it was on that, the selection where it was.
     * @param {Thing} done
     */
    goOn(done) {
      const list = open.alarms;
      const next = nextOf(list.shown(), done.id, row => (row.waiting || (row.waits?.length && !row.open)) && String(row.id) !== String(done.id));
      if (!next) return;
      const chosen = selection.is('alarm', done.id);
      const row = list.focused() ? list.api.getRowNode(String(next.id))?.rowIndex : null;
      if (chosen && !next.waits) selection.select({ type: 'alarm', id: String(next.id) });
      if (row != null) focusRow(list, row);
    },

    /**
     * Opens a line and puts the keyboard on the first of its alarms that waits: nobody acknowledges what they do not see.
     * @param {string} line
     */
    openLine(line) {
      const list = open.alarms;
      list.toggle(line, true);
      const rows = list.shown();
      const at = rows.findIndex(row => row.id === rowIdOf(line));
      const first = rows.findIndex((row, index) => index > at && row.waiting);
      if (first >= 0) focusRow(list, first);
    },

    /** What the keyboard is on: the focused row, else the selection; of a line, its row. @returns {Thing | null} */
    target() {
      const list = Object.values(open).find(one => one.focused());
      if (list?.focused().waits) return { ...list.focused(), type: 'line' };
      if (list) return { ...list.focused(), type: list.spec.kind };
      const chosen = selection.current();
      return chosen && { ...collectionOf(live, chosen.type)?.get(chosen.id), ...chosen };
    },
  };
}
