// What the work lists hold and in which order: values in, values out.
import { arrivalOf, waitsSince } from './eta.mjs';
import { GATHERED_FROM, gather, lineRow } from './lines.mjs';

const UNIT_ORDER = ['on_scene', 'en_route', 'assigned', 'available', 'out_of_service'];

/** @param {string} a @param {string} b */
const later = (a, b) => (a < b ? 1 : a > b ? -1 : 0);

/**
 * A list: the kind of the live channel, its grid, which things it holds, which is first, the row of a thing. `also`: another kind of
 * which its rows tell. `gathers`: several things may stand under one line; which of them wait.
 * @typedef {{
 *   kind: 'incident' | 'alarm' | 'unit' | 'warning', also?: Kind, grid: string,
 *   holds: (thing: any) => boolean, order: (a: any, b: any) => number, row: (thing: any) => any, gathers?: (thing: any) => boolean,
 * }} ListSpec
 */
/** By what a person wants work lists ordered: `risk`, `level`, `time`. @typedef {keyof ReturnType<typeof makeOrders>} Order */
/** @param {Sets} sets @param {(thing: any) => string} begun */
const makeOrders = (sets, begun) => ({
  /** What must be looked at first. @param {any} a @param {any} b */
  risk: (a, b) => sets.score(b) - sets.score(a) || a.level - b.level || later(begun(a), begun(b)),
  /** @param {any} a @param {any} b */
  level: (a, b) => a.level - b.level || sets.score(b) - sets.score(a) || later(begun(a), begun(b)),
  /** @param {any} a @param {any} b */
  time: (a, b) => later(begun(a), begun(b)),
});
export const ORDERS = /** @type {Order[]} */ (['risk', 'level', 'time']);

/** @param {Sets} sets @param {() => Order} chosen @returns {ListSpec} */
const incidents = (sets, chosen) => ({
  kind: 'incident', grid: 'grid-incidents', row: thing => ({ ...thing, waits: waitsSince(thing) }),
  holds: (/** @type {Incident} */ thing) => !sets.ended(thing),
  order: (/** @type {Incident} */ a, /** @type {Incident} */ b) => makeOrders(sets, thing => thing.opened_at)[chosen()](a, b),
});
/** @param {Sets} sets @param {Live} live @param {() => Order} chosen @returns {ListSpec} */
const alarms = (sets, live, chosen) => ({
  kind: 'alarm', also: 'judged', grid: 'grid-alarms',
  row: alarm => ({ ...alarm, waiting: sets.waiting(alarm), now: live.judged.get(alarm.id) ?? null }), gathers: sets.waiting,
  holds: (/** @type {Alarm} */ thing) => !sets.quiet(thing),
  order: (/** @type {Alarm} */ a, /** @type {Alarm} */ b) => makeOrders(sets, thing => thing.raised_at)[chosen()](a, b),
});
/** Put aside by a person; what comes back first stands first. @returns {ListSpec} */
const shelved = () => ({
  kind: 'alarm', grid: 'grid-shelved', row: thing => thing,
  holds: (/** @type {Alarm} */ thing) => thing.state === 'shelved',
  order: (/** @type {Alarm} */ a, /** @type {Alarm} */ b) => later(b.shelved_until ?? '', a.shelved_until ?? '') || a.level - b.level,
});
/** @param {Sets} sets @param {Live} live @returns {ListSpec} */
const units = (sets, live) => ({
  kind: 'unit', also: 'incident', grid: 'grid-units', holds: () => true,
  row: unit => ({ ...unit, stale: sets.stale(unit), arrives: arrivalOf(unit, live.incident.get(unit.incident)) }),
  order: (/** @type {Unit} */ a, /** @type {Unit} */ b) =>
    UNIT_ORDER.indexOf(a.status) - UNIT_ORDER.indexOf(b.status) || a.kind.localeCompare(b.kind) || a.id.localeCompare(b.id, 'en', { numeric: true }),
});

/** What says no colour stands last. @param {Warning} warning */
const gravity = warning => warning.level ?? 9;
/** @param {Sets} sets @returns {ListSpec} */
const warnings = sets => ({
  kind: 'warning', grid: 'grid-warnings', row: thing => thing,
  holds: (/** @type {Warning} */ thing) => !sets.expired(thing),
  order: (/** @type {Warning} */ a, /** @type {Warning} */ b) => gravity(a) - gravity(b) || later(a.sent, b.sent),
});

/**
 * The lists by their name. `chosen`: by what work is ordered.
 * @param {Sets} sets
 * @param {Live} live
 * @param {() => Order} chosen
 */
export const makeLists = (sets, live, chosen = () => 'risk') => ({
  incidents: incidents(sets, chosen), alarms: alarms(sets, live, chosen), shelved: shelved(), units: units(sets, live), warnings: warnings(sets),
});
/** @typedef {keyof ReturnType<typeof makeLists>} ListName */

/** @type {Record<string, ListName>} */
const LIST_OF = { incident: 'incidents', alarm: 'alarms', unit: 'units', warning: 'warnings' };

/** The list in which things of a type stand. @param {string | undefined} type @returns {ListName | null} */
export const listOf = type => LIST_OF[type ?? ''] ?? null;

/**
 * The next in the order of a list, after the one with this id, that is wanted; from the top again after the last.
 * @template {{ id: string }} T
 * @param {T[]} rows
 * @param {string} id
 * @param {(row: T) => boolean} wanted
 * @returns {T | null}
 */
export function nextOf(rows, id, wanted) {
  const at = rows.findIndex(row => String(row.id) === String(id));
  return [...rows.slice(at + 1), ...rows.slice(0, Math.max(at, 0))].find(wanted) ?? null;
}

/** The things that a list holds, the first first. @param {ListSpec} list @param {any[]} things */
export const arranged = (list, things) => things.filter(list.holds).sort(list.order);

/** Rows by their ids, in their order, and what there is besides: members of closed lines, lines of one. @typedef {{ shown: any[], every: Map<string, any> }} Drawn */

/**
 * @param {ListSpec} list
 * @param {any[]} wanted things in their order
 * @param {ReadonlySet<string>} open lines that are open
 * @returns {Drawn}
 */
function drawn({ gathers, row }, wanted, open) {
  if (!gathers) {
    const rows = wanted.map(row);
    return { shown: rows, every: new Map(rows.map(one => [String(one.id), one])) };
  }
  const shown = [];
  const every = new Map();
  for (const line of gather(wanted)) {
    const isOpen = open.has(line.id);
    const head = lineRow(line, gathers, isOpen);
    const alone = line.members.length < GATHERED_FROM;
    const members = line.members.map(alarm => (alone ? row(alarm) : { ...row(alarm), inside: true }));
    for (const one of [head, ...members]) every.set(String(one.id), one);
    shown.push(...(alone ? members : isOpen ? [head, ...members] : [head]));
  }
  return { shown, every };
}

/**
 * What a list shows. While a hand holds it, it keeps the rows it has in their order, each as it is now; what is new is only counted: a
 * line counts once, whatever comes into it.
 * @param {ListSpec} list
 * @param {Pick<Collection<any>, 'all' | 'get'>} things
 * @param {string[] | null} held ids of the rows that stay, null for a list that is free
 * @param {ReadonlySet<string>} [open] lines that are open
 * @returns {{ ids: string[], rows: any[], all: number, news: number }}
 */
export function rowsOf(list, things, held, open = new Set()) {
  const wanted = arranged(list, things.all());
  const { shown, every } = drawn(list, wanted, open);
  const all = shown.map(one => String(one.id));
  const ids = held ?? all;
  /** @param {string} id */
  const rowOf = id => {
    const thing = every.get(id) ?? things.get(id);
    return thing && (every.has(id) ? thing : list.row(thing));
  };
  return { ids, rows: ids.map(rowOf).filter(Boolean), all: wanted.length, news: held ? all.filter(id => !held.includes(id)).length : 0 };
}
