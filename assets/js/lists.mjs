// The work lists: ordered rows into AG Grid. While the person's hand is in a list nothing there moves.
import { around, atMost, byId, part, setProps, setText, whenThere } from './dom.mjs';
import { collectionOf } from './live.mjs';
import { listOf, makeLists, rowsOf } from './rows.mjs';

const EVERY_MS = 250;
const HELD_MS = 15000;
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
    this.inside = false;
    this.soon = atMost(EVERY_MS, () => this.draw());
    this.things.on(() => this.soon());
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
  }

  /** A hand that rests for long does not hold the list for ever. */
  held() {
    return (this.inside || this.hasFocus) && performance.now() - this.touchedAt < HELD_MS;
  }

  release() {
    this.touchedAt = -Infinity;
    this.draw();
  }

  draw() {
    const held = this.held() && this.ids.length > 0;
    const { ids, rows, all, news } = rowsOf(this.spec, this.things, held ? this.ids : null);
    this.ids = ids;
    setText(byId(`tab-count-${this.name}`), all || '');
    part(`empty-${this.name}`).hidden = all > 0 || !this.things.known;
    part(`held-${this.name}`).hidden = news === 0;
    setText(byId(`held-count-${this.name}`), news);
    this.api.setGridOption('rowData', rows);
    if (held) setTimeout(this.soon, HELD_CHECK_MS);
  }

  /** The thing in the row that the keyboard is on. */
  focused() {
    const cell = this.hasFocus ? this.api.getFocusedCell() : null;
    return cell ? this.api.getDisplayedRowAtIndex(cell.rowIndex)?.data : null;
  }

  /** The keyboard leaves a row that is no longer what the page is about. @param {Thing | null} thing */
  leave(thing) {
    const row = this.focused();
    if (!row || String(row.id) === String(thing?.id)) return;
    this.api.clearFocusedCell();
    /** @type {HTMLElement | null} */ (document.activeElement)?.blur();
  }

  /** @param {Thing | null} thing */
  follow(thing) {
    this.leave(thing);
    if (!thing || listOf(thing.type) !== this.name) return this.api.deselectAll();
    const node = this.api.getRowNode(String(thing.id));
    node?.setSelected(true, true);
    if (node && !this.inside) this.api.ensureNodeVisible(node);
  }
}

/** @param {List} list @param {Chosen} selection */
function wire({ api, spec }, selection) {
  /** @param {{ id: string } | undefined} data */
  const choose = data => data && selection.select({ type: spec.kind, id: String(data.id) });
  api.addEventListener('cellClicked', ({ data, event }) => { if (!event.target.closest('button')) choose(data); });
  api.addEventListener('cellKeyDown', ({ data, event }) => { if (event.key === 'Enter') choose(data); });
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

  const lists = makeLists(sets);
  for (const name of /** @type {ListName[]} */ (Object.keys(lists))) {
    const { grid } = lists[name];
    await whenThere(grid);
    const api = await window.dash_ag_grid.getApiAsync(grid);
    api.setGridOption('context', context);
    open[name] = new List(name, lists[name], api, live);
    wire(open[name], selection);
    open[name].draw();
  }
  document.addEventListener('click', event => {
    const name = around(event, '#list-tabs [role=tab]')?.querySelector('[data-testid]')?.getAttribute('data-testid')?.replace('tab-', '');
    if (name && name in lists) tab = /** @type {ListName} */ (name);
  });
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

    /** What the keyboard is on: the focused row, else the selection. @returns {Thing | null} */
    target() {
      const list = Object.values(open).find(one => one.focused());
      if (list) return { ...list.focused(), type: list.spec.kind };
      const chosen = selection.current();
      return chosen && { ...collectionOf(live, chosen.type)?.get(chosen.id), ...chosen };
    },
  };
}
