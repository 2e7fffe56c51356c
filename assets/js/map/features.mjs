// Objects of the API as features of the map: just what is drawn, nothing more.
import { figure } from '../words.mjs';
import { PICTOGRAMS } from './pictograms.mjs';

const UNIT_STALE_MS = 90000;
const MOVING_M_S = 0.8;
const SHOWN_MS = 60 * 60000;
const AGES_MS = [10 * 60000, 30 * 60000];
const QUIET_ALARMS = ['normal', 'shelved', 'suppressed_by_design', 'out_of_service'];

const point = (thing, properties) => ({
  type: 'Feature', id: thing.id, geometry: { type: 'Point', coordinates: [thing.lon, thing.lat] }, properties: { id: String(thing.id), ...properties },
});
const names = thing => ({ name_zh: thing.names?.zh || thing.name || '', name_en: thing.names?.en || thing.name || '' });
const placed = thing => Number.isFinite(thing.lon) && Number.isFinite(thing.lat);

export const isStale = unit => Date.now() - Date.parse(unit.seen_at) > UNIT_STALE_MS;

function unit(thing) {
  return point(thing, {
    ...names(thing), icon: `unit-${thing.kind}-${thing.status}`, heading: thing.heading ?? 0,
    moving: (thing.speed ?? 0) > MOVING_M_S, stale: isStale(thing),
  });
}

function sensor(thing) {
  const [newest] = Object.values(thing.values || {});
  const level = thing.alarm_level || 0;
  return point(thing, {
    ...names(thing), level, icon: `sensor-${thing.kind}-${level}`, stale: !newest,
    reading: newest ? `${figure(newest.value)} ${newest.unit || ''}` : '',
  });
}

const alarm = thing => point(thing, {
  ...names(thing), level: thing.level, icon: `alarm-${thing.level}-${thing.state}`, lively: thing.state === 'unacknowledged',
});

const incident = thing => point(thing, {
  name_zh: thing.titles?.zh || thing.title, name_en: thing.titles?.en || thing.title, level: thing.level,
  icon: `incident-${thing.level}-${thing.status}`, lively: thing.status === 'open',
});

const riskCell = thing => ({
  type: 'Feature', id: thing.id, properties: { id: thing.id, level: thing.level || 0, score: thing.score || 0 },
  geometry: { type: 'Polygon', coordinates: [thing.boundary] },
});

// What analytics call the same thing.
const LIKE = {
  car: 'vehicle', truck: 'vehicle', bus: 'vehicle', motorcycle: 'vehicle', bicycle: 'vehicle', license_plate: 'vehicle', traffic_count: 'vehicle', wrong_way: 'vehicle', fast_moving: 'vehicle',
  face: 'person', motion: 'person', loitering: 'person', intrusion: 'person', tripwire: 'person', fallen_person: 'person', flooding: 'water_level',
};
const SEEN = ['fire', 'smoke', 'water_level', 'accident', 'crowd', 'person', 'vehicle'];
const likeness = kind => (Object.hasOwn(LIKE, kind) ? LIKE[kind] : SEEN.includes(kind) && Object.hasOwn(PICTOGRAMS, kind) ? kind : 'camera');

const ageOf = thing => Date.now() - Date.parse(thing.time);

/** How old an event is, in steps: 0 new, then paler and paler; null once the map no longer shows it. */
export const fading = thing => (ageOf(thing) > SHOWN_MS ? null : AGES_MS.filter(limit => ageOf(thing) > limit).length);

const videoEvent = thing => point(thing, {
  ...names(thing), icon: `video-${likeness(thing.kind)}-${thing.urgent ? 1 : 0}`, urgent: Boolean(thing.urgent),
  fading: fading(thing) ?? AGES_MS.length, at: Date.parse(thing.time) / 1000,
});

// layer -> {kind of the live channel, whether the object is drawn, feature}
export const LIVE_LAYERS = {
  risk_cells: { kind: 'risk_cell', shown: thing => thing.boundary && thing.level, feature: riskCell, everyMs: 1000 },
  sensors: { kind: 'sensor', shown: placed, feature: sensor, everyMs: 1000 },
  units: { kind: 'unit', shown: placed, feature: unit, everyMs: 400, glides: true },
  video_events: { kind: 'video_event', shown: thing => placed(thing) && fading(thing) !== null, feature: videoEvent, everyMs: 400 },
  alarms: { kind: 'alarm', shown: thing => placed(thing) && !QUIET_ALARMS.includes(thing.state), feature: alarm, everyMs: 120 },
  incidents: { kind: 'incident', shown: thing => placed(thing) && !['closed', 'cancelled'].includes(thing.status), feature: incident, everyMs: 120 },
};
