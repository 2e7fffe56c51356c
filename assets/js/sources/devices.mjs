// The tab of pending devices: what each has sent, and the form that takes it into use.
import { get, send } from '../api.mjs';
import { el } from '../dom.mjs';
import { both, figure, lang, page, pair, say } from './words.mjs';
import { age, blame, busy, button, changed, clearBlame, done, field, iconButton, input, isAdmin, notice, redraw, select } from './parts.mjs';

const DATUMS = ['WGS84', 'CGCS2000', 'GCJ-02', 'BD-09'].map(one => [one, one]);
const UNKNOWN = 'unknown';
const nameOf = words => words?.[lang()] ?? '';
const metricName = key => nameOf(page.vocabulary.metrics?.[key]) || key;
const numeric = text => (text.trim() === '' ? null : Number.isNaN(Number(text)) ? text : Number(text));

/** The kind that its metrics speak for, where one is named like a metric or shares its first word. */
function guess({ values }) {
  const kinds = Object.keys(page.vocabulary.sensor_kinds);
  const metrics = Object.keys(values);
  if (metrics.some(one => ['pm25', 'pm10', 'aqi', 'o3', 'no2', 'so2', 'co'].includes(one))) return 'air_quality';
  return kinds.find(kind => metrics.includes(kind)) ?? (metrics.includes('tilt') ? 'manhole' : '');
}

export function devicesTab() {
  const listed = el('div', { class: 'list scroll', 'data-testid': 'devices-list' });
  const aside = el('aside', { class: 'detail scroll', hidden: true });
  let known = null;
  let opened = null;
  let source = null;

  function close() {
    opened = null;
    aside.hidden = true;
    aside.replaceChildren();
    draw();
  }

  function edit(device) {
    opened = device.id;
    aside.hidden = false;
    aside.replaceChildren(acceptForm(device, close, async () => { close(); changed(); await read(true); }));
    aside.scrollTop = 0;
    aside.querySelector('h2').focus();
    draw();
  }

  function row(device) {
    const readings = Object.entries(device.values).slice(0, 6).map(([metric, { value, unit }]) => el('li', {}, metricName(metric), ' ', el('b', {}, figure(value)), el('span', { class: 'unit' }, unit || '')));
    return el('li', { class: 'device', 'data-device': device.id, 'aria-current': String(opened === device.id) },
      el('div', { class: 'head' }, el('button', { type: 'button', class: 'link', 'data-key': `device-${device.id}`, onclick: () => edit(device) }, device.id), device.source ? el('span', { class: 'chip' }, device.source) : null,
        el('span', { class: 'quiet' }, both('devices.first'), ' ', age(device.first_seen_at)), el('span', { class: 'quiet' }, both('devices.last'), ' ', age(device.heard_at))),
      el('ul', { class: 'readings' }, readings),
      device.attributes.topic ? el('p', { class: 'sent' }, el('code', {}, device.attributes.topic), ' ', el('code', { class: 'payload' }, device.attributes.sent || '')) : null);
  }

  function draw() {
    const found = (known || []).filter(device => !source || device.source === source);
    const only = source ? button('all-devices', 'devices.all', () => { source = null; draw(); }) : null;
    redraw(listed, el('div', { class: 'bar' }, el('p', { class: 'quiet' }, both('devices.explain')), only),
      found.length ? el('ul', { class: 'devices' }, found.map(row)) : notice(known ? 'empty' : 'loading', known ? 'devices.none' : 'lists.loading'));
  }

  async function read(all) {
    known = (await get('/api/sensors?status=pending')).items;
    if (all) draw();
    return known.length;
  }

  return { place: node => node.append(listed, aside), read, show: wish => { source = wish?.source ?? null; draw(); } };
}

function facts(device) {
  const { owner, topic, sent } = device.attributes;
  const told = [['devices.source', device.source], ['devices.owner', owner], ['devices.topic', topic]].filter(([, value]) => value);
  return [el('dl', {}, told.map(([key, value]) => el('div', { class: 'fact' }, el('dt', {}, both(key)), el('dd', {}, value)))),
    sent ? el('details', { open: true }, el('summary', {}, both('devices.sent')), el('pre', { class: 'payload', tabindex: 0 }, pretty(sent))) : null];
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

function acceptForm(device, close, accepted) {
  const kinds = Object.entries(page.vocabulary.sensor_kinds).filter(([key]) => key !== UNKNOWN).map(([key, words]) => [key, nameOf(words)]);
  const controls = {
    kind: select(guess(device), [['', say('devices.choose')], ...kinds]), name_zh: input(''), name_en: input(''),
    lon: input('', { inputmode: 'decimal' }), lat: input('', { inputmode: 'decimal' }), datum: select('WGS84', DATUMS),
    interval_s: input(device.interval_s, { inputmode: 'decimal' }), district: input('', { inputmode: 'numeric', maxlength: 6 }),
  };
  const fill = () => Object.assign(controls.lon, { value: device.lon }) && Object.assign(controls.lat, { value: device.lat }) && Object.assign(controls.datum, { value: 'WGS84' });
  const copy = device.lon == null ? el('p', { class: 'hint' }, both('devices.nowhere')) : button('copy-position', 'devices.copy', fill, { class: 'action small' });
  const save = el('button', { type: 'submit', class: 'action primary', 'data-key': 'accept' }, both('devices.accept'));
  const read = () => ({
    kind: controls.kind.value, name_zh: controls.name_zh.value.trim() || null, name_en: controls.name_en.value.trim() || null, lon: numeric(controls.lon.value), lat: numeric(controls.lat.value),
    datum: controls.datum.value, interval_s: numeric(controls.interval_s.value), district: controls.district.value.trim() || null,
  });
  const pairOf = (...content) => el('div', { class: 'pair' }, content);
  const form = el('form', { novalidate: true, 'data-testid': 'accept-form' }, el('fieldset', { disabled: !isAdmin() },
    field('kind', 'devices.kind', controls.kind), pairOf(field('name_zh', 'sources.name_zh', controls.name_zh), field('name_en', 'sources.name_en', controls.name_en)),
    pairOf(field('lon', 'devices.lon', controls.lon), field('lat', 'devices.lat', controls.lat)), copy,
    pairOf(field('datum', 'sources.datum', controls.datum), field('interval_s', 'sources.interval', controls.interval_s)),
    field('district', 'sources.district', controls.district, 'devices.district.hint'), el('div', { 'data-errors': '' }), isAdmin() ? save : null));
  form.addEventListener('submit', async event => {
    event.preventDefault();
    clearBlame(form);
    const told = await busy(save, () => send('POST', `/api/sensors/${encodeURIComponent(device.id)}/accept`, read()), error => blame(form, error));
    if (!told) return;
    done('devices.accepted', { id: device.id });
    await accepted();
  });
  const head = el('header', {}, el('h2', { tabindex: -1 }, device.id), iconButton('close-device', 'close', 'sources.close', close));
  const values = Object.entries(device.values).map(([metric, { value, unit, quality }]) => el('div', { class: 'fact' }, el('dt', {}, metricName(metric)), el('dd', {}, el('b', {}, figure(value)), el('span', { class: 'unit' }, unit || ''), quality === 'good' ? null : el('span', { class: 'chip' }, pair(page.vocabulary.qualities?.[quality])))));
  return el('div', {}, head, facts(device), el('h3', {}, both('card.readings')), el('dl', {}, values), isAdmin() ? null : el('p', { class: 'quiet' }, both('sources.read_only')), form);
}
