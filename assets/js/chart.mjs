// The chart of a sensor as a Dash graph: template from Dash, series from the API, colours from the theme.
import { get } from './api.mjs';
import { around, setProps } from './dom.mjs';
import { figureOf, metricOf, nameOfMetric } from './series.mjs';
import { LANGS } from './words.mjs';
import { token } from './tokens.mjs';

const HOURS = 6;
const EVERY_S = 60;
const MOST_POINTS = 1000;
const PLOTLY = '/vendor/plotly.js-basic-dist-min/plotly-basic.min.js';

/** @typedef {{ sensor: string, metric?: string | null, unit?: string | null, rule?: string | null, theme?: string }} ChartRequest */

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

/** @param {string} sensor @param {string} metric @returns {Promise<Series>} */
function read(sensor, metric) {
  const to = new Date();
  const from = new Date(to.getTime() - HOURS * 3600e3);
  const asked = { metric, from: from.toISOString(), to: to.toISOString(), every: String(EVERY_S) };
  return get(`/api/sensors/${encodeURIComponent(sensor)}/observations?${new URLSearchParams(asked)}`);
}

/** @param {{ live: Live, words: Words, metrics: Texts }} parts `metrics`: their names */
export function makeChart({ live, words: { texts, zoned }, metrics: names }) {
  /**
   * What is drawn; `line` is the number of its trace.
   * @type {{ sensor: string, metric: string, last: string, line: number } | null}
   */
  let shown = null;
  /** @type {Promise<unknown> | null} */
  let library = null;

  /** @param {string} key */
  const notice = key => component('P', { children: spans(texts(key)), className: 'quiet' });
  /** @param {string} metric @param {Record<string, Value>} values */
  const nameOf = (metric, values) => nameOfMetric(metric, names, values);

  /** @param {Record<string, Value>} values @param {string} chosen @param {ChartRequest} request */
  function metricPicker(values, chosen, request) {
    const metrics = Object.keys(values);
    if (metrics.length < 2) return [];
    /** @param {string} metric */
    const button = metric => component('Button', {
      children: spans(nameOf(metric, values)), className: 'metric', type: 'button', 'aria-pressed': String(metric === chosen),
      'data-chart': JSON.stringify({ ...request, metric }),
    });
    return [component('Div', { className: 'metrics', children: metrics.map(button) })];
  }

  /** @param {string} metric @param {Record<string, Value>} values */
  function heading(metric, values) {
    const name = nameOf(metric, values);
    const unit = values[metric]?.unit;
    /** @param {Lang} code */
    const title = code => [name[code], unit && `(${unit})`, '·', texts('card.chart')[code]].filter(Boolean).join(' ');
    return component('H3', { children: spans({ zh: title('zh'), en: title('en') }) });
  }

  /**
   * Clientside callback: the request and the template become the children of the chart's place.
   * @param {ChartRequest | null} request
   * @param {any} template
   */
  async function draw(request, template) {
    shown = null;
    if (!request) return [];
    const values = live.sensor.get(request.sensor)?.values ?? {};
    const metric = metricOf(values, request);
    if (!metric) return [notice('card.readings.none')];
    const parts = [...metricPicker(values, metric, request), heading(metric, values)];
    try {
      library ??= loadScript(PLOTLY);
      const [series] = await Promise.all([read(request.sensor, metric), library]);
      const newest = series.items.at(-1);
      if (!newest) return [...parts, notice('card.chart.empty')];
      const figure = figureOf(series, template, zoned, token);
      shown = { sensor: request.sensor, metric, last: newest.time, line: figure.data.length - 1 };
      return [...parts, component('Graph', { id: 'chart', figure, config: template.config, className: 'chart-graph' }, 'dash_core_components')];
    } catch {
      return [...parts, notice('card.chart.failed')];
    }
  }

  /** The newest reading goes onto the line that is drawn. */
  function extend() {
    if (!shown) return;
    const newest = live.sensor.get(shown.sensor)?.values?.[shown.metric];
    const graph = document.querySelector('#chart .js-plotly-plot');
    if (!newest || !graph || !('data' in graph) || !(Date.parse(newest.time) > Date.parse(shown.last))) return;
    shown.last = newest.time;
    window.Plotly.extendTraces(graph, { x: [[zoned(newest.time)]], y: [[newest.value]] }, [shown.line], MOST_POINTS);
  }

  function start() {
    live.sensor.on(({ changed }) => { if (shown && changed.has(shown.sensor)) extend(); });
    document.addEventListener('click', event => {
      const chosen = around(event, '[data-chart]')?.dataset.chart;
      if (chosen) setProps('chart-request', { data: JSON.parse(chosen) });
    });
    window.addEventListener('onemap:theme', () => {
      if (shown) setProps('chart-request', { data: { sensor: shown.sensor, metric: shown.metric, theme: document.documentElement.dataset.theme } });
    });
  }

  return { draw, start };
}
