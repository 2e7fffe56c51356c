// The chart of a sensor as a Dash graph: template from Dash, series from the API, colours from the theme.
import { get } from './api.mjs';
import { around, atMost, setProps } from './dom.mjs';
import { drawableOf, everyOf, figureOf, holeOf, measureOf, measuresOf, metricOf, nameOfMeasure, nameOfMetric } from './series.mjs';
import { LANGS } from './words.mjs';
import { token } from './tokens.mjs';

const HOURS = 6;
// a sum or mean is made on the server: it is read again while readings come
const AGAIN_MS = 30000;
const MOST_POINTS = 1000;
// what had nothing to show is asked for again once something is heard
const HEARD_MS = 2000;
const PLOTLY = '/vendor/plotly.js-basic-dist-min/plotly-basic.min.js';

/** @typedef {import('./series.mjs').Measure} Measure */
/** @typedef {import('./series.mjs').Drawable} Drawable */
/**
 * `measures`: what rules judge of the sensor; `chosen` of them, `level` of the alarm; `asked` makes the same request another one.
 * @typedef {{
 *   sensor: string, metric?: string | null, unit?: string | null, rule?: string | null, level?: number | null, measures?: Measure[],
 *   chosen?: Pick<Measure, 'function' | 'window_s'> | null, asked?: string | number,
 * }} ChartRequest
 */

/** @param {string} src @returns {Promise<unknown>} */
const loadScript = src => new Promise((resolve, reject) => {
  const script = document.createElement('script');
  script.src = src;
  script.onload = resolve;
  script.onerror = reject;
  document.head.append(script);
});

/** A component as Dash takes it from a clientside callback. @param {string} type @param {Props} props */
const component = (type, props, namespace = 'dash_html_components') => ({ type, props, namespace });
/** @param {Bilingual} words */
const spans = words => LANGS.map(code => component('Span', { children: words[code] ?? words.zh, lang: code }));

/** @param {string} sensor @param {Measure} measure @returns {Promise<Series>} */
function read(sensor, { metric, function: name, window_s: window }) {
  const to = new Date();
  const from = new Date(to.getTime() - HOURS * 3600e3);
  const asked = { metric, from: from.toISOString(), to: to.toISOString(), every: String(everyOf(window)), ...(window && { function: name, window: String(window) }) };
  return get(`/api/sensors/${encodeURIComponent(sensor)}/observations?${new URLSearchParams(asked)}`);
}

/** @param {{ live: Live, words: Words, metrics: Texts }} parts `metrics`: their names */
export function makeChart({ live, words: { texts, zoned, zoneNames }, metrics: names }) {
  /**
   * What is drawn; `line` is the number of its trace.
   * @type {{ request: ChartRequest, sensor: string, metric: string, window: number, last: string, line: number, hole: number } | null}
   */
  let shown = null;
  /** What was asked for and had nothing to show. @type {ChartRequest | null} */
  let waiting = null;
  /** @type {Promise<unknown> | null} */
  let library = null;

  /** @param {string} key */
  const notice = key => component('P', { children: spans(texts(key)), className: 'quiet' });
  /** @param {string} metric @param {Drawable} values */
  const nameOf = (metric, values) => nameOfMetric(metric, names, values);

  /** @param {Drawable} values @param {string} chosen @param {ChartRequest} request */
  function metricPicker(values, chosen, request) {
    const metrics = Object.keys(values);
    if (metrics.length < 2) return [];
    /** @param {string} metric */
    const button = metric => component('Button', {
      children: spans(nameOf(metric, values)), className: 'metric', type: 'button', 'aria-pressed': String(metric === chosen),
      'data-chart': JSON.stringify({ ...request, metric, chosen: null }),
    });
    return [component('Div', { className: 'metrics', children: metrics.map(button) })];
  }

  /** @param {Measure[]} measures @param {Measure} measure @param {ChartRequest} request */
  function measurePicker(measures, measure, request) {
    if (measures.length < 2) return [];
    /** @param {Measure} one */
    const button = one => component('Button', {
      children: spans(nameOfMeasure(one, texts)), className: 'metric', type: 'button', 'aria-pressed': String(one === measure),
      'data-chart': JSON.stringify({ ...request, metric: one.metric, chosen: { function: one.function, window_s: one.window_s } }),
    });
    return [component('Div', { className: 'metrics', children: measures.map(button) })];
  }

  /** @param {Measure} measure @param {Drawable} values */
  function heading(measure, values) {
    const name = nameOf(measure.metric, values);
    const unit = values[measure.metric]?.unit;
    const zone = zoneNames();
    const what = measure.window_s ? nameOfMeasure(measure, texts) : null;
    /** @param {Lang} code */
    const title = code => [name[code], what?.[code], unit && `(${unit})`, '·', texts('card.chart')[code], zone && `· ${zone[code]}`].filter(Boolean).join(' ');
    return component('H3', { children: spans({ zh: title('zh'), en: title('en') }) });
  }

  /**
   * Clientside callback: the request and the template become the children of the chart's place.
   * @param {ChartRequest | null} request
   * @param {any} template
   */
  async function draw(request, template) {
    shown = null;
    waiting = request;
    if (!request) return [];
    const said = live.sensor.get(request.sensor)?.values ?? {};
    const values = drawableOf(said, request.measures);
    const metric = metricOf(values, request);
    if (!metric) return [notice('card.readings.none')];
    const measures = measuresOf(request.measures, metric, metric in said);
    const measure = measureOf(measures, request);
    const parts = [...metricPicker(values, metric, request), ...measurePicker(measures, measure, request), heading(measure, values)];
    try {
      library ??= loadScript(PLOTLY);
      const [series] = await Promise.all([read(request.sensor, measure), library]);
      const newest = series.items.at(-1);
      if (!newest) return [...parts, notice('card.chart.empty')];
      waiting = null;
      const figure = figureOf({ ...series, thresholds: measure.thresholds }, template, zoned, token);
      shown = { request, sensor: request.sensor, metric, window: measure.window_s, last: newest.time, line: figure.data.length - 1, hole: holeOf(series.items) };
      return [...parts, component('Graph', { id: 'chart', figure, config: template.config, className: 'chart-graph' }, 'dash_core_components')];
    } catch {
      return [...parts, notice('card.chart.failed')];
    }
  }

  const again = atMost(AGAIN_MS, () => { if (shown?.window) setProps('chart-request', { data: { ...shown.request, asked: Date.now() } }); });

  const heard = atMost(HEARD_MS, () => { if (waiting) setProps('chart-request', { data: { ...waiting, asked: Date.now() } }); });

  /** The newest reading goes onto the line that is drawn. */
  function extend() {
    if (!shown) return;
    if (shown.window) return again();
    const newest = live.sensor.get(shown.sensor)?.values?.[shown.metric];
    const graph = document.querySelector('#chart .js-plotly-plot');
    if (!newest || !graph || !('data' in graph) || !(Date.parse(newest.time) > Date.parse(shown.last))) return;
    const broken = Date.parse(newest.time) - Date.parse(shown.last) > shown.hole;
    shown.last = newest.time;
    const at = zoned(newest.time);
    window.Plotly.extendTraces(graph, { x: [broken ? [at, at] : [at]], y: [broken ? [null, newest.value] : [newest.value]] }, [shown.line], MOST_POINTS);
  }

  function start() {
    live.sensor.on(({ changed }) => {
      if (shown && changed.has(shown.sensor)) extend();
      if (waiting && changed.has(waiting.sensor)) heard();
    });
    document.addEventListener('click', event => {
      const chosen = around(event, '[data-chart]')?.dataset.chart;
      if (chosen) setProps('chart-request', { data: JSON.parse(chosen) });
    });
    window.addEventListener('onemap:theme', () => {
      if (shown) setProps('chart-request', { data: { ...shown.request, asked: document.documentElement.dataset.theme } });
    });
  }

  return { draw, start };
}
