// The form of one source, and a box to try a message with what the form says before it is saved.
import { send } from '../api.mjs';
import { el } from '../dom.mjs';
import { both, lang, moment, page, pair } from './words.mjs';
import { metricMap, optionFields, ourMetrics, unitMap } from './maps.mjs';
import { area, blame, busy, button, checkbox, clearBlame, field, iconButton, input, isAdmin, names, number, reasonWords, select } from './parts.mjs';

const DATUMS = ['WGS84', 'CGCS2000', 'GCJ-02', 'BD-09'].map(one => [one, one]);
const EMPTY = { id: '', name_zh: '', name_en: '', topic_filters: [], decoder: 'native', options: {}, datum: 'WGS84', timezone: null, units: {}, metrics: {}, only_mapped: false, id_prefix: '', owner: null, interval_s: null, district: null, enabled: false };
const orNull = text => text.trim() || null;
const numberOrNull = text => (text.trim() === '' ? null : Number.isNaN(Number(text)) ? text : Number(text));
const lines = text => text.split('\n').map(line => line.trim()).filter(Boolean);
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

const group = (words, open, ...content) => el('details', { open }, el('summary', {}, both(words)), content);
const pairOf = (...content) => el('div', { class: 'pair' }, content);

/** `source` null: a new one. `message` is {topic, payload} to try. `saved(source)` is told what the server made of it. */
export function sourceForm({ source, decoders, message, close, saved }) {
  const given = source ?? EMPTY;
  const controls = {
    id: input(given.id, { required: true, pattern: '[A-Za-z0-9][A-Za-z0-9_.\\-]{0,63}' }),
    name_zh: input(given.name_zh, { required: true }), name_en: input(given.name_en, { required: true }),
    enabled: checkbox(given.enabled), decoder: select(given.decoder, decoders.map(one => [one.key, one.names[lang()] || one.key])),
    topic_filters: area(given.topic_filters.join('\n'), 3), datum: select(given.datum, DATUMS), timezone: input(given.timezone, { placeholder: 'Asia/Shanghai' }),
    id_prefix: input(given.id_prefix), owner: input(given.owner), interval_s: input(given.interval_s, { inputmode: 'decimal' }),
    district: input(given.district, { inputmode: 'numeric', maxlength: 6 }), only_mapped: checkbox(given.only_mapped),
  };
  const maps = { metrics: metricMap(given.metrics), units: unitMap(given.units) };
  const options = el('div', { class: 'options' });
  let chosen = null;

  function drawOptions() {
    const decoder = decoders.find(({ key }) => key === controls.decoder.value);
    chosen = optionFields(decoder, decoder?.key === given.decoder ? given.options : {});
    options.replaceChildren(...chosen.nodes);
    return decoder;
  }

  controls.decoder.addEventListener('change', () => {
    const decoder = drawOptions();
    if (!controls.topic_filters.value.trim()) controls.topic_filters.value = decoder.filters.join('\n');
  });

  const read = () => ({
    name_zh: controls.name_zh.value.trim(), name_en: controls.name_en.value.trim(), enabled: controls.enabled.checked, decoder: controls.decoder.value,
    topic_filters: lines(controls.topic_filters.value), options: chosen.read(), datum: controls.datum.value, timezone: orNull(controls.timezone.value),
    id_prefix: controls.id_prefix.value.trim(), owner: orNull(controls.owner.value), interval_s: numberOrNull(controls.interval_s.value),
    district: orNull(controls.district.value), only_mapped: controls.only_mapped.checked, metrics: maps.metrics.read(), units: maps.units.read(),
  });

  function ask() {
    const now = read();
    if (!source) return send('POST', '/api/sources', { id: controls.id.value.trim(), ...now });
    const changed = Object.fromEntries(Object.entries(now).filter(([name, value]) => !same(value, source[name])));
    return send('PATCH', `/api/sources/${encodeURIComponent(source.id)}`, { version: source.version, ...changed });
  }

  const save = el('button', { type: 'submit', class: 'action primary', 'data-key': 'save-source' }, both('sources.save'));
  const form = el('form', { novalidate: true, 'data-testid': 'source-form' },
    el('fieldset', { disabled: !isAdmin() },
      source ? null : field('id', 'sources.id', controls.id, 'sources.id.hint'),
      pairOf(field('name_zh', 'sources.name_zh', controls.name_zh), field('name_en', 'sources.name_en', controls.name_en)),
      pairOf(field('decoder', 'sources.decoder', controls.decoder), field('enabled', 'sources.enabled', controls.enabled)),
      field('topic_filters', 'sources.topics', controls.topic_filters, 'sources.topics.hint'),
      group('sources.metrics', true, el('p', { class: 'hint' }, both('sources.metrics.hint')), maps.metrics.node, field('only_mapped', 'sources.only_mapped', controls.only_mapped)),
      group('sources.units', true, el('p', { class: 'hint' }, both('sources.units.hint')), maps.units.node),
      group('sources.place', false, pairOf(field('datum', 'sources.datum', controls.datum), field('timezone', 'sources.timezone', controls.timezone, 'sources.timezone.hint')),
        pairOf(field('id_prefix', 'sources.id_prefix', controls.id_prefix), field('owner', 'sources.owner', controls.owner)),
        pairOf(field('interval_s', 'sources.interval', controls.interval_s, 'sources.interval.hint'), field('district', 'sources.district', controls.district))),
      group('sources.options', false, options),
      el('div', { 'data-errors': '' }),
      isAdmin() ? save : null));
  form.addEventListener('submit', async event => {
    event.preventDefault();
    clearBlame(form);
    const told = await busy(save, ask, error => blame(form, error));
    if (told) await saved(told);
  });
  drawOptions();
  const title = el('h2', { tabindex: -1 }, source ? names(source) : both('sources.add'));
  const changed = source?.changed_by ? el('p', { class: 'quiet' }, both('sources.changed', { who: source.changed_by, when: moment(source.changed_at) })) : null;
  const head = el('header', {}, title, iconButton('close-source', 'close', 'sources.close', close));
  return el('div', { class: 'source' }, head, changed, ourMetrics(), isAdmin() ? null : el('p', { class: 'quiet' }, both('sources.read_only')), form, isAdmin() ? tryBox(read, message) : null);
}

const COLUMNS = ['sources.try.device', 'sources.try.what', 'sources.try.value', 'sources.try.quality', 'sources.try.time'];

/** Sends a message through the source as the form has it now; nothing is written. */
function tryBox(read, message) {
  const topic = input(message?.topic);
  const payload = area(message?.payload, 4);
  const result = el('div', { class: 'result', 'data-testid': 'try-result', 'aria-live': 'polite' });
  const press = button('try', 'sources.try', async () => {
    clearBlame(box);
    const bytes = message?.base64 && payload.value === message.payload ? { payload_base64: message.base64 } : { payload: payload.value };
    const told = await busy(press, () => send('POST', '/api/sources/try', { ...read(), topic: topic.value, ...bytes }), error => blame(box, error));
    if (!told) return;
    result.replaceChildren(...outcome(told));
    result.scrollIntoView({ block: 'nearest' });
  });
  const box = el('section', { class: 'try' }, el('h3', {}, both('sources.try.title')), el('p', { class: 'hint' }, both('sources.try.hint')),
    field('topic', 'sources.try.topic', topic), field('payload', 'sources.try.payload', payload), el('div', { 'data-errors': '' }), press, result);
  return box;
}

function outcome({ matches, records, error }) {
  const unmatched = matches ? null : el('p', { class: 'warn' }, both('sources.try.unmatched'));
  if (error) return [unmatched, el('p', { class: 'error' }, el('b', {}, reasonWords(error.reason)), ' ', error.detail)].filter(Boolean);
  if (!records.length) return [unmatched, el('p', { class: 'warn' }, both('sources.try.nothing'))].filter(Boolean);
  const rows = records.map(record => el('tr', {}, el('td', {}, deviceOf(record)), el('td', {}, record.metric ?? record.type), el('td', { class: 'figure' }, readingOf(record)),
    el('td', {}, record.quality ? pair(page.vocabulary.qualities?.[record.quality] ?? { zh: record.quality, en: record.quality }) : ''), el('td', { class: 'figure' }, record.time ? moment(record.time) : '')));
  return [unmatched, el('table', {}, el('thead', {}, el('tr', {}, COLUMNS.map(key => el('th', { scope: 'col' }, both(key))))), el('tbody', {}, rows))].filter(Boolean);
}

const deviceOf = record => record.sensor_id ?? record.unit_id ?? record.camera_id ?? record.device ?? record.sender ?? '';
const readingOf = record => (record.value == null ? record.kind ?? record.status ?? '' : `${number(record.value)} ${record.unit ?? ''}`);
