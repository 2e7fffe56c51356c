// The maps of a source: the device's metrics to ours, the units it means, the options of its decoder.
import { el } from '../dom.mjs';
import { both, page, say } from './words.mjs';
import { area, button, checkbox, field, iconButton, input, select } from './parts.mjs';

/** Lines of inputs that can be added and taken away. `columns` are [name, words, width] each. */
function lines(name, columns, rows, words, attributes = {}) {
  const body = el('div', { class: 'lines' });
  const add = values => {
    const inputs = columns.map(([key, text], at) => input(values[at], { 'data-column': key, placeholder: say(text), 'aria-label': say(text), ...(attributes[key] || {}) }));
    const line = el('div', { class: `line line-${name}` }, inputs, iconButton(null, 'close', 'sources.remove', () => line.remove()));
    body.append(line);
    return line;
  };
  rows.forEach(add);
  const more = button(`add-${name}`, words, () => add([]).querySelector('input').focus());
  more.classList.add('small');
  const read = () => [...body.children].map(line => [...line.querySelectorAll('input')].map(node => node.value.trim())).filter(([first]) => first);
  return { node: el('div', { class: 'field', 'data-field': name }, body, more), read };
}

/** What the device calls a metric, and ours; where ours is left empty the metric is dropped. */
export function metricMap(metrics) {
  const made = lines('metrics', [['theirs', 'sources.metric.theirs'], ['ours', 'sources.metric.ours']], Object.entries(metrics), 'sources.metric.add', { ours: { list: 'our-metrics' } });
  return { node: made.node, read: () => Object.fromEntries(made.read().map(([theirs, ours]) => [theirs, ours || null])) };
}

const unitLine = (metric, rule) => (typeof rule === 'string' ? [metric, rule] : [metric, rule.unit, rule.scale, rule.offset]);

/** Our metric, the unit the device means, and what the value is multiplied by and added to before. */
export function unitMap(units) {
  const columns = [['metric', 'sources.unit.metric'], ['unit', 'sources.unit.unit'], ['scale', 'sources.unit.scale'], ['offset', 'sources.unit.offset']];
  const number = { inputmode: 'decimal' };
  const made = lines('units', columns, Object.entries(units).map(([metric, rule]) => unitLine(metric, rule)), 'sources.unit.add', { metric: { list: 'our-metrics' }, scale: number, offset: number });
  return { node: made.node, read: () => Object.fromEntries(made.read().map(([metric, unit, scale, offset]) => [metric, unitRule(unit, scale, offset)])) };
}

/** A number where it is one; the server names what is none. */
const numeric = text => (text === '' || Number.isNaN(Number(text)) ? text : Number(text));

function unitRule(unit, scale, offset) {
  if (!scale && !offset) return unit;
  return { ...(unit && { unit }), ...(scale && { scale: numeric(scale) }), ...(offset && { offset: numeric(offset) }) };
}

export const ourMetrics = () =>
  el('datalist', { id: 'our-metrics' }, Object.keys(page.vocabulary.metrics || {}).map(key => el('option', { value: key })));

function optionControl(schema, value) {
  const plain = schema.anyOf ? schema.anyOf.find(({ type }) => type !== 'null') ?? {} : schema;
  if (plain.type === 'boolean') return [checkbox(value), node => node.checked];
  if (plain.enum) return [select(value, plain.enum.map(one => [one, one])), node => node.value];
  if (plain.type === 'integer' || plain.type === 'number') return [input(value, { inputmode: 'decimal' }), node => numeric(node.value)];
  if (plain.type === 'string') return [input(value), node => node.value];
  return [area(value == null ? '' : JSON.stringify(value), 3), node => JSON.parse(node.value)];
}

/** A control for each option of the decoder, by its JSON schema; what is as the decoder has it is not sent. */
export function optionFields(decoder, options) {
  const properties = Object.entries(decoder?.options.properties || {});
  const made = properties.map(([name, schema]) => {
    const [node, read] = optionControl(schema, options[name] ?? schema.default);
    return { name, schema, node, read };
  });
  const labelled = made.map(({ name, node }) => {
    const wrapped = field('options', 'sources.options', node);
    wrapped.querySelector('label').replaceChildren(name);
    return wrapped;
  });
  const read = () => Object.fromEntries(made.map(({ name, schema, node, read: value }) => [name, node.value === '' && node.type !== 'checkbox' ? null : value(node), schema.default])
    .filter(([, value, standard]) => value !== null && value !== standard).map(([name, value]) => [name, value]));
  return { nodes: labelled.length ? labelled : [el('p', { class: 'quiet' }, both('sources.options.none'))], read };
}
