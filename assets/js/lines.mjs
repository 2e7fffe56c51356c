// The lines of the work list: alarms of one family under one that says how many, each alarm in exactly one of them. What its cause mutes
// stands in the line of the cause. The server decides the same way (alerts/grouped.py). Values in, values out.

/** From so many on alarms are gathered under a line of their own; fewer stand for themselves. */
export const GATHERED_FROM = 2;
const GRAVEST = 1;

/** @typedef {{ id: string, members: Alarm[] }} Line a line and its alarms, the first of which leads it */

/** The id of a line's own row: no alarm has it. @param {string} line */
export const rowIdOf = line => `line:${line}`;

/**
 * The line of each alarm. A cause that is not among them folds nothing, and none of level I stands under a lower one.
 * @param {Alarm[]} alarms
 * @returns {Map<string, string>}
 */
export function lineOfEach(alarms) {
  const byId = new Map(alarms.map(alarm => [alarm.id, alarm]));
  /** @param {Alarm} alarm */
  const own = ({ id, line }) => line ?? id;
  return new Map(alarms.map(alarm => {
    const cause = byId.get(alarm.muted?.cause ?? '');
    return [alarm.id, cause && (alarm.level !== GRAVEST || cause.level === GRAVEST) ? own(cause) : own(alarm)];
  }));
}

/**
 * Whether an alarm begins a line of its own: in a flood only these are news, the others come into a line that is there.
 * @param {Alarm} alarm
 * @param {Alarm[]} alarms all that are open, it among them
 */
export function beginsLine(alarm, alarms) {
  const of = lineOfEach(alarms);
  const line = of.get(alarm.id);
  return !alarms.some(other => other.id !== alarm.id && of.get(other.id) === line);
}

/** Lines in the order of their first alarms. @param {Alarm[]} alarms in their order @returns {Line[]} */
export function gather(alarms) {
  const of = lineOfEach(alarms);
  /** @type {Map<string, Line>} */
  const lines = new Map();
  for (const alarm of alarms) {
    const id = of.get(alarm.id) ?? alarm.id;
    const line = lines.get(id);
    if (line) line.members.push(alarm);
    else lines.set(id, { id, members: [alarm] });
  }
  return [...lines.values()];
}

/**
 * What a line says of its alarms.
 * @param {Line} line
 * @param {(alarm: Alarm) => boolean} waiting
 * @param {boolean} open
 * @returns {LineRow}
 */
export function lineRow({ id, members }, waiting, open) {
  const waits = members.filter(waiting).map(alarm => alarm.id);
  return {
    id: rowIdOf(id), line: id, family: id.split(':')[0], open, waits, count: members.length, grave: members.filter(({ level }) => level === GRAVEST).length,
    things: new Set(members.map(({ thing }) => `${thing.type} ${thing.id}`)).size,
    worst: /** @type {Level} */ (Math.min(...members.map(({ level }) => level))),
    leading: members[0].names, state: waits.length ? 'unacknowledged' : members[0].state,
    changed_at: members.map(({ changed_at }) => changed_at).sort().at(-1) ?? '',
  };
}
