// Objects of the API as features of the map: just what is drawn, nothing more.
import { figure } from '../words.mjs';
import { PICTOGRAMS } from './pictograms.mjs';

const MOVING_M_S = 0.8;
const SHOWN_MS = 60 * 60000;
// of units that stand together, who is furthest in their work lies on top
const AT_WORK = ['out_of_service', 'available', 'assigned', 'en_route', 'on_scene'];
const AGES_MS = [10 * 60000, 30 * 60000];

/** @param {Located & { id: string }} thing @param {object} properties @returns {PointFeature} */
const point = (thing, properties) => ({
  type: 'Feature', id: thing.id, properties: { id: String(thing.id), ...properties },
  geometry: { type: 'Point', coordinates: [Number(thing.lon), Number(thing.lat)] },
});
/** @param {{ names?: Bilingual | null, name?: string }} thing */
const names = thing => ({ name_zh: thing.names?.zh || thing.name || '', name_en: thing.names?.en || thing.name || '' });

/** Whether a thing has a place on the map. @param {Partial<Located>} thing */
export const placed = thing => Number.isFinite(thing.lon) && Number.isFinite(thing.lat);

/** @param {Unit} thing @param {boolean} stale */
function unit(thing, stale) {
  return point(thing, {
    ...names(thing), icon: `unit-${thing.kind}-${thing.status}`, heading: thing.heading ?? 0,
    moving: (thing.speed ?? 0) > MOVING_M_S, stale, rank: AT_WORK.indexOf(thing.status),
  });
}

/** @param {Sensor} thing */
function sensor(thing) {
  const [newest] = Object.values(thing.values || {});
  const level = thing.alarm_level || 0;
  return point(thing, {
    ...names(thing), level, icon: `sensor-${thing.kind}-${level}`, stale: !newest,
    reading: newest ? `${figure(newest.value)} ${newest.unit || ''}` : '',
  });
}

/** @param {Alarm} thing @param {boolean} waiting */
const alarm = (thing, waiting) => point(thing, {
  ...names(thing), kind: 'alarm', level: thing.level, icon: `alarm-${thing.level}-${waiting ? 'waiting' : 'answered'}`, lively: thing.state === 'unacknowledged',
});

/** @param {Incident} thing */
const incident = thing => point(thing, {
  kind: 'incident', name_zh: thing.titles?.zh || thing.title, name_en: thing.titles?.en || thing.title, level: thing.level,
  icon: `incident-${thing.level}-${thing.status}`, lively: thing.status === 'open',
});

/** @param {RiskCell} thing @returns {Feature} */
const riskCell = thing => ({
  type: 'Feature', id: thing.id, properties: { id: thing.id, level: thing.level || 0, score: thing.score || 0 },
  geometry: { type: 'Polygon', coordinates: [thing.boundary] },
});

/** @param {Warning} thing @returns {Feature} */
const warning = thing => ({
  type: 'Feature', id: thing.id, properties: { ...names(thing), id: thing.id, level: thing.level ?? 0 },
  geometry: { type: 'MultiPolygon', coordinates: thing.shape },
});

// What analytics call the same thing.
/** @type {Record<string, string>} */
const LIKE = {
  car: 'vehicle', truck: 'vehicle', bus: 'vehicle', motorcycle: 'vehicle', bicycle: 'vehicle', license_plate: 'vehicle',
  traffic_count: 'vehicle', wrong_way: 'vehicle', fast_moving: 'vehicle',
  face: 'person', motion: 'person', loitering: 'person', intrusion: 'person', tripwire: 'person', fallen_person: 'person', flooding: 'water_level',
};
const SEEN = ['fire', 'smoke', 'water_level', 'accident', 'crowd', 'person', 'vehicle'];
/** The pictogram of what a camera saw: its own, that of something alike, or a camera. @param {string} kind */
export const likeness = kind => (Object.hasOwn(LIKE, kind) ? LIKE[kind] : SEEN.includes(kind) && Object.hasOwn(PICTOGRAMS, kind) ? kind : 'camera');

/**
 * How old an event is, in steps: 0 new, then paler and paler; null once the map no longer shows it.
 * @param {VideoEvent} thing
 * @param {number} [now]
 */
export function fading(thing, now = Date.now()) {
  const age = now - Date.parse(thing.time);
  return age > SHOWN_MS ? null : AGES_MS.filter(limit => age > limit).length;
}

/** @param {VideoEvent} thing @param {number} now */
const videoEvent = (thing, now) => point(thing, {
  ...names(thing), icon: `video-${likeness(thing.kind)}-${thing.urgent ? 1 : 0}`, urgent: Boolean(thing.urgent),
  fading: fading(thing, now) ?? AGES_MS.length, at: Date.parse(thing.time) / 1000,
});

/**
 * One layer: the kind of the live channel, whether an object of it is drawn, its feature, how often at most the map is told.
 * @typedef {{ kind: Kind, shown: (thing: any, now: number) => boolean, feature: (thing: any, now: number) => Feature, everyMs: number, glides?: boolean }} LiveLayer
 */
/** The layers by their id. @param {Sets} sets @returns {Record<string, LiveLayer>} */
export const makeLiveLayers = sets => ({
  risk_cells: { kind: 'risk_cell', shown: thing => Boolean(thing.boundary && thing.level), feature: riskCell, everyMs: 1000 },
  warnings: { kind: 'warning', shown: (thing, now) => thing.shape.length > 0 && !sets.expired(thing, now), feature: warning, everyMs: 1000 },
  sensors: { kind: 'sensor', shown: placed, feature: sensor, everyMs: 1000 },
  units: { kind: 'unit', shown: placed, feature: (thing, now) => unit(thing, sets.stale(thing, now)), everyMs: 400, glides: true },
  video_events: { kind: 'video_event', shown: (thing, now) => placed(thing) && fading(thing, now) !== null, feature: videoEvent, everyMs: 400 },
  alarms: { kind: 'alarm', shown: thing => placed(thing) && !sets.quiet(thing), feature: thing => alarm(thing, sets.waiting(thing)), everyMs: 120 },
  incidents: { kind: 'incident', shown: thing => placed(thing) && !sets.ended(thing), feature: incident, everyMs: 120 },
});

/** The objects of a layer that are drawn now. @param {LiveLayer} layer @param {any[]} things @param {number} [now] */
export const shownOf = (layer, things, now = Date.now()) => things.filter(thing => layer.shown(thing, now));
