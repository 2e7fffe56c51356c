// The rows of the lists: cells.js is a classic script, run here beside a React that only notes what it is asked for.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createContext, runInContext } from 'node:vm';
import { aUnit, anAlarm, anIncident } from './things.mjs';

const SOURCE = readFileSync(new URL('../../assets/js/cells.js', import.meta.url), 'utf8');
const window = { React: { createElement: (tag, props, ...children) => ({ tag, props: props ?? {}, children: children.flat(Infinity) }) } };
runInContext(SOURCE, createContext({ window }));
const rows = window.dashAgGridComponentFunctions;

const CONTEXT = {
  me: { permissions: ['alarm.acknowledge'] },
  vocabulary: {
    alarm_states: { unacknowledged: { zh: '未确认', en: 'Unacknowledged' }, acknowledged: { zh: '已确认', en: 'Acknowledged' } },
    incident_statuses: { open: { zh: '待派', en: 'Open' } }, unit_kinds: { fire: { zh: '消防', en: 'Fire' } }, unit_statuses: { available: { zh: '待命', en: 'Available' } },
  },
  catalogue: { 'lists.acknowledge': { zh: '确认', en: 'Acknowledge' } },
};
const draw = (row, data, more = {}) => rows[row]({ data, context: { ...CONTEXT, ...more } });
const all = node => (typeof node === 'object' && node ? [node, ...node.children.flatMap(all)] : []);
const words = (node, lang) => all(node).filter(({ props }) => props.lang === lang).map(({ children }) => children[0]);
const buttons = node => all(node).filter(({ tag }) => tag === 'button');

test('a row says its words in both languages', () => {
  const row = draw('IncidentRow', anIncident());
  assert.deepEqual([words(row, 'zh'), words(row, 'en')], [['仓库火情', '待派'], ['Warehouse fire', 'Open']]);
});

test('an alarm that waits can be acknowledged from its row', () => {
  const [button] = buttons(draw('AlarmRow', { ...anAlarm(), waiting: true }));
  assert.deepEqual([button.props['data-method'], button.props['data-url']], ['POST', '/api/alarms/a1/acknowledge']);
});

test('a viewer sees the state instead of the button', () => {
  const row = draw('AlarmRow', { ...anAlarm(), waiting: true }, { me: { permissions: [] } });
  assert.equal(buttons(row).length, 0);
  assert.ok(words(row, 'en').includes('Unacknowledged'));
});

test('an alarm that somebody has acknowledged has no button', () => assert.equal(buttons(draw('AlarmRow', { ...anAlarm({ state: 'acknowledged' }), waiting: false })).length, 0));

/** @type {[string, number | null, string | null, string][]} */
const READINGS = [
  ['a reading stands apart from its unit', 3.456, 'm', '3.46 m'],
  ['a percent sign does not', 80, '%', '80%'],
  ['a degree sign does not', 21.5, '°C', '21.5°C'],
  ['a reading without unit is a number', 0, null, '0'],
  ['an alarm without reading shows none', null, 'm', ''],
];
for (const [name, value, unit, wanted] of READINGS) {
  test(name, () => assert.equal(all(draw('AlarmRow', anAlarm({ value, unit }))).find(({ props }) => props.className === 'reading').children[0], wanted));
}

test('the level is a class and a numeral', () => {
  const badge = all(draw('AlarmRow', anAlarm({ level: 4 }))).find(({ props }) => props.className === 'level level-4');
  assert.equal(badge.children[0].children[0], 'IV');
});

test('a unit that is stale says so to the style sheet', () => {
  assert.deepEqual([true, false].map(stale => draw('UnitRow', aUnit({ stale })).props['data-stale']), ['1', null]);
});

test('a word that the vocabulary does not have is shown as it is', () => {
  assert.deepEqual(words(draw('UnitRow', aUnit({ kind: 'drone', status: 'charging' })), 'en'), ['Brigade 1', 'drone', 'charging']);
});

test('why an alarm was shelved is said in the language of the reader, what was typed as it was typed', () => {
  const vocabulary = { ...CONTEXT.vocabulary, shelve_reasons: { repair: { zh: '设备检修', en: 'Under repair' } } };
  const told = reason => {
    const row = draw('ShelvedRow', { ...anAlarm(), state: 'shelved', shelved_until: '2026-01-01T00:00:00Z', shelved_reason: reason }, { vocabulary });
    return ['zh', 'en'].map(lang => words(row, lang).at(-1));
  };
  assert.deepEqual(told('repair'), ['设备检修', 'Under repair']);
  assert.deepEqual(told('等电力抢修'), ['等电力抢修', '等电力抢修']);
});
