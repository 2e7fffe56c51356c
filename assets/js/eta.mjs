// When help is there, and how long nobody has been sent: values in, values out.

// of an assignment that runs
const COMING = ['assigned', 'accepted', 'en_route'];
const RUNNING = [...COMING, 'on_scene'];
const SOON_S = 45;
const DUE_S = -60;
// urgency -> seconds after which nobody sent is a matter of its own
/** @type {Record<number, number>} */
const LATE_S = { 1: 180, 2: 300 };

/** The moment at which a unit that was sent is there, by the road time when it was sent; null where it is there or was not sent. @param {Pick<Unit, 'id' | 'incident'>} unit @param {Pick<Incident, 'assignments'> | undefined} incident */
export function arrivalOf(unit, incident) {
  const sent = incident?.assignments.find(one => one.unit === unit.id && COMING.includes(one.status));
  if (!sent?.assigned_at || sent.eta_s == null) return null;
  return new Date(Date.parse(sent.assigned_at) + 1000 * sent.eta_s).toISOString();
}

/** The words of a countdown: a key of the catalogue and its minutes. @param {number} seconds until then */
export function countdown(seconds) {
  if (seconds < DUE_S) return { key: 'eta.due', n: Math.round(-seconds / 60) };
  if (seconds < SOON_S) return { key: 'eta.soon', n: 0 };
  return { key: 'eta.in', n: Math.max(1, Math.round(seconds / 60)) };
}

/** Since when an urgent incident waits for somebody to be sent; null where somebody was, or it can wait. @param {Pick<Incident, 'level' | 'status' | 'opened_at' | 'assignments'>} incident */
export function waitsSince({ level, status, opened_at: opened, assignments }) {
  const isSent = (assignments ?? []).some(one => RUNNING.includes(one.status));
  return level in LATE_S && status === 'open' && !isSent ? opened : null;
}

/** Whether it has waited too long. @param {number} seconds @param {number} level */
export const isLate = (seconds, level) => seconds > (LATE_S[level] ?? Infinity);
