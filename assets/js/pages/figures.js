// What figures of a page need in the browser: their words in the page's language and their colours in its theme, a picture of a chart to
// take along, coming nearer on a map, and the question in the address. A classic script: Dash looks its functions up when it starts.
(() => {
  /** @typedef {HTMLElement & { data: object[], layout: object, _fullLayout?: { geo?: { projection: { scale: number } } } }} Graph */
  const root = document.documentElement;
  const NEARER = 1.6;
  // of a picture, in pixels, and how many of its own each of them has
  const PICTURE = { width: 1200, height: 700, scale: 2 };
  // Plotly fetches the coasts of the world from its own makers before it draws any map; ours has none
  window.PlotlyGeoAssets = { topojson: { world_110m: { type: 'Topology', objects: {}, arcs: [] } } };
  const lang = () => /** @type {Lang} */ (root.dataset.lang === 'en' ? 'en' : 'zh');

  /** @param {string} name */
  const token = name => getComputedStyle(root).getPropertyValue(name).trim();

  /** `{zh, en}` becomes its text in the page's language, `--name` the colour of that token (app/analysis/figures.py). @param {any} value @returns {any} */
  function spoken(value) {
    if (Array.isArray(value)) return value.map(spoken);
    if (typeof value === 'string') return value.startsWith('--') ? token(value) : value;
    if (!value || typeof value !== 'object') return value;
    const names = Object.keys(value);
    if (names.length === 2 && 'zh' in value && 'en' in value) return value[lang()];
    // shapes have neither words nor colours, and are most of a map
    return Object.fromEntries(names.map(name => [name, name === 'geojson' ? value[name] : spoken(value[name])]));
  }

  /** @param {string} id @returns {Graph | null} */
  const graphOf = id => /** @type {Graph | null} */ (document.querySelector(`#${CSS.escape(id)} .js-plotly-plot`));

  /** @param {string} id @param {'png' | 'svg'} format */
  function save(id, format) {
    const graph = graphOf(id);
    const subject = new URLSearchParams(location.hash.slice(1)).get('subject') ?? 'chart';
    if (!graph) return;
    // on the ground of the page: a light text on nothing cannot be read
    const layout = { ...graph.layout, paper_bgcolor: token('--panel-solid') };
    window.Plotly.downloadImage({ data: graph.data, layout, config: {} }, { ...PICTURE, format, filename: `onemap-${subject}` });
  }

  /** @param {string} id @param {string} way */
  function zoom(id, way) {
    const graph = graphOf(id);
    const scale = graph?._fullLayout?.geo?.projection.scale;
    if (!graph || !scale) return;
    if (way === 'whole') window.Plotly.relayout(graph, { 'geo.projection.scale': null, 'geo.center': null, 'geo.projection.rotation': null });
    else window.Plotly.relayout(graph, { 'geo.projection.scale': scale * (way === 'in' ? NEARER : 1 / NEARER) });
  }

  const seen = () => {
    for (const [figure, store] of [['analysis-map', 'analysis-seen'], ['rule-chart', 'rule-seen']]) {
      if (document.getElementById(figure)) window.dash_clientside.set_props(store, { data: `${lang()} ${root.dataset.theme}` });
    }
  };
  window.addEventListener('onemap:lang', seen);
  window.addEventListener('onemap:theme', seen);

  document.addEventListener('click', ({ target }) => {
    if (!(target instanceof Element)) return;
    /** @type {HTMLElement | null} */
    const picture = target.closest('[data-picture]');
    if (picture) save(picture.dataset.of ?? '', picture.dataset.picture === 'svg' ? 'svg' : 'png');
    /** @type {HTMLElement | null} */
    const nearer = target.closest('[data-zoom]');
    if (nearer) zoom(nearer.closest('.plot')?.querySelector('.drawn')?.id ?? '', nearer.dataset.zoom ?? '');
    // a file speaks the language that the page has now
    const link = target.closest('a[data-speaks]');
    if (link instanceof HTMLAnchorElement) {
      const address = new URL(link.href);
      address.searchParams.set('lang', lang());
      link.href = address.href;
    }
  });

  // another question by its address: a link that was pasted, a step back
  window.addEventListener('hashchange', () => { if (document.querySelector('main .analysis')) location.reload(); });

  const figures = {
    /** @param {any} figure */
    speak: figure => {
      if (!figure) return window.dash_clientside.no_update;
      const made = spoken(figure);
      // a finger moves the page, not the map
      if (matchMedia('(pointer: coarse)').matches) made.layout.dragmode = false;
      return made;
    },
    /** What was pressed on a map opens beside this page: a place of our own. @param {{ points?: { customdata?: unknown }[] } | null} click */
    follow: click => {
      const link = click?.points?.[0]?.customdata;
      if (typeof link === 'string' && link.startsWith('/?')) window.open(link, '_blank', 'noopener');
    },
    /** What is asked stands in the address, that it can be passed on. @param {string | null} question */
    address: question => { if (question) history.replaceState(history.state, '', `#${question}`); },
  };
  window.dash_clientside = Object.assign(window.dash_clientside || {}, { figures });
})();
