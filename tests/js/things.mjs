// Things as the API gives them, with what a test says about them.
export const NOW = Date.parse('2026-03-14T02:00:00Z');
/** @param {number} seconds */
export const before = seconds => new Date(NOW - seconds * 1000).toISOString();

/** Words that mean something, as GET /api/vocabulary tells them. */
export const VOCABULARY = {
  sets: {
    ended_incident: ['closed', 'cancelled'],
    waiting_alarm: ['unacknowledged', 'returned_unacknowledged', 'latched_unacknowledged'],
    returned_alarm: ['returned_unacknowledged'],
    quiet_alarm: ['normal', 'shelved', 'suppressed_by_design', 'out_of_service'],
    busy_unit: ['assigned', 'en_route', 'on_scene'],
  },
  risk_bands: { 1: { low: 7, high: 10 }, 2: { low: 5, high: 8.5 }, 3: { low: 3, high: 7 }, 4: { low: 1, high: 5 } },
  stale_after_s: { unit: 90 },
};

export const anAlarm = (more = {}) => ({
  id: 'a1', rule: 'water-high', kind: 'threshold', thing: { type: 'sensor', id: 'wl-1', name: '东闸水位' }, names: { zh: '东闸水位', en: 'East gate level' },
  level: 3, state: 'unacknowledged', active: true, raised_at: before(60), changed_at: before(60), message: { zh: '水位过高', en: 'Level too high' }, lon: 116.4, lat: 39.9, version: 1, ...more,
});

export const anIncident = (more = {}) => ({
  id: 'i1', number: 'E-0314-001', kind: 'fire', level: 2, status: 'open', title: '仓库火情', titles: { zh: '仓库火情', en: 'Warehouse fire' }, address: '东门路 3 号',
  opened_at: before(300), changed_at: before(300), assignments: [], alarms: [], lon: 116.41, lat: 39.91, version: 1, ...more,
});

export const aUnit = (more = {}) => ({
  id: 'fire-1', kind: 'fire', name: '一中队', names: { zh: '一中队', en: 'Brigade 1' }, status: 'available', lon: 116.42, lat: 39.92, heading: 90, speed: 0, seen_at: before(2), incident: null, ...more,
});

export const aSensor = (more = {}) => ({
  id: 'wl-1', kind: 'water_level', name: '东闸水位', names: { zh: '东闸水位', en: 'East gate level' }, lon: 116.43, lat: 39.93, alarm_level: null,
  values: { water_level: { value: 1.234, unit: 'm', quality: 'good', time: before(5) } }, ...more,
});

export const aVideoEvent = (more = {}) => ({
  id: 'cam-1/e1', camera: 'cam-1', event: 'e1', kind: 'car', names: { zh: '车辆', en: 'Vehicle' }, urgent: false, time: before(10), lon: 116.44, lat: 39.94, ...more,
});

export const aCell = (more = {}) => ({ id: '8828', boundary: [[116, 39], [116.1, 39], [116, 39.1], [116, 39]], score: 5.5, level: 2, ...more });

export const aWarning = (more = {}) => ({
  id: 'w1', sender: 'weather@example.org', identifier: 'w1', sent: before(600), until: before(-3600), state: 'in_force', level: 2, names: { zh: '暴雨橙色预警', en: 'Orange rainstorm signal' },
  area: '宿城区', lon: 116.1, lat: 39.1, shape: [[[[116, 39], [116.2, 39], [116.2, 39.2], [116, 39]]]], ...more,
});
