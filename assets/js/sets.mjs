// What the words of the field mean for the page: which statuses are an end, which alarms wait. The server says so (GET /api/vocabulary).

/** @param {Vocabulary} vocabulary */
export function makeSets({ sets, stale_after_s: staleAfter, risk_bands: bands }) {
  /** @param {string} name */
  const among = name => {
    const words = new Set(sets[name]);
    return (/** @type {string | null} */ word) => word !== null && words.has(word);
  };
  const isEnded = among('ended_incident');
  const isWaiting = among('waiting_alarm');
  const isReturned = among('returned_alarm');
  const isQuiet = among('quiet_alarm');
  const isBusy = among('busy_unit');

  return {
    /** What must be seen first: the score, to which one that nobody has counted yet stands in the middle of its level. @param {{ level: Level, risk?: Risk | null }} thing */
    score: ({ level, risk }) => risk?.score ?? (bands[level].low + bands[level].high) / 2,
    /** Whether an incident is over. @param {{ status: string }} incident */
    ended: incident => isEnded(incident.status),
    /** Whether an alarm waits for somebody to acknowledge it. @param {{ state: string }} alarm */
    waiting: alarm => isWaiting(alarm.state),
    /** Whether an alarm is over by itself and waits only to be acknowledged. @param {{ state: string }} alarm */
    returned: alarm => isReturned(alarm.state),
    /** Whether an alarm stands in no list and not on the map. @param {{ state: string }} alarm */
    quiet: alarm => isQuiet(alarm.state),
    /** Whether a warning has run out. @param {{ until: string }} warning @param {number} [now] */
    expired: (warning, now = Date.now()) => Date.parse(warning.until) <= now,
    /** Whether a unit is on something. @param {{ status: string }} unit */
    busy: unit => isBusy(unit.status),
    /** Whether a unit has been silent for too long to trust its place. @param {{ seen_at: string | null }} unit @param {number} [now] */
    stale: (unit, now = Date.now()) => now - Date.parse(unit.seen_at ?? '') > staleAfter.unit * 1000,
  };
}
