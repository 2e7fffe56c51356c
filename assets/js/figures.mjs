// The figures of the top bar: values in, values out.
import { LEVELS } from './tokens.mjs';

// These speak when something happens, or are not registered with us: their silence is no fault.
const ON_OCCASION = ['reports', 'video', 'unknown'];
const OLD_S = 60;
const DEAD_S = 300;

/** How many there are of each level. @param {{ level: Level }[]} things @returns {[Level, number][]} */
export const perLevel = things => LEVELS.map(level => [level, things.filter(thing => thing.level === level).length]);

/** @param {Unit[]} units @param {Pick<Sets, 'busy'>} sets */
export const readiness = (units, sets) => ({
  free: units.filter(({ status }) => status === 'available').length,
  busy: units.filter(sets.busy).length,
});

/**
 * The load of alarms in ten minutes. EEMUA 191: about one is acceptable, two can be handled, more than ten is a flood.
 * @param {number} count
 */
export const loadOf = count => (count > 10 ? 'flood' : count > 2 ? 'busy' : 'calm');

/** What the bar shows of it; where the server could not count, that it is not known, and no figure. @param {number | null} count */
export const rateOf = count => (count == null ? { figure: '–', load: 'unknown' } : { figure: String(Math.round(count)), load: loadOf(count) });

/** The age in seconds of the oldest feed that should be speaking. @param {Pick<Health, 'feeds' | 'oldest_feed_s'>} health */
export function oldestFeed({ feeds, oldest_feed_s: whole }) {
  const ages = feeds.flatMap(({ id, age_s: age }) => (age == null || ON_OCCASION.includes(id) ? [] : [age]));
  return ages.length ? Math.max(...ages) : whole ?? 0;
}

/** @param {number} age in seconds */
export const freshness = age => (age > DEAD_S ? 'dead' : age > OLD_S ? 'old' : 'fresh');
