// The base map as a MapLibre style, made from tokens: quiet greys and blues, nothing that looks like an alarm.
import { token } from '../tokens.mjs';

const FAMILY = 'Noto Sans SC';
const WOFF2 = /url\("?([^")]+\.woff2)"?\)/;

/**
 * The faces of the page's own font, as its style sheets declare them: the map fetches of a font only the parts that it writes with.
 * @param {number} weight
 */
function face(weight) {
  // the map takes the first that has a character: the city's own file stands in the last sheet
  const rules = [...document.styleSheets].reverse().filter(sheet => sheet.href?.startsWith(location.origin)).flatMap(sheet => [...sheet.cssRules].map(rule => ({ rule, base: sheet.href ?? '' })));
  return rules.flatMap(({ rule, base }) => {
    if (!(rule instanceof CSSFontFaceRule)) return [];
    const said = (/** @type {string} */ name) => rule.style.getPropertyValue(name);
    if (!said('font-family').includes(FAMILY) || said('font-weight') !== String(weight)) return [];
    const [, url] = said('src').match(WOFF2) ?? [];
    return url ? [{ url: new URL(url, base).href, 'unicode-range': said('unicode-range').split(/\s*,\s*/) }] : [];
  });
}

/** Resolves once the style sheets of the font in parts (boot.js) are there, or have failed. */
export const fontDeclared = () => Promise.all([...document.querySelectorAll('link.font-parts')].map(link => {
  const { sheet } = /** @type {HTMLLinkElement} */ (link);
  return sheet ?? new Promise(done => { for (const end of ['load', 'error']) link.addEventListener(end, done, { once: true }); });
}));

/** The feature's name in the language of the page, whichever way the source spells it. @type {Expression} */
export const NAME = ['case', ['==', ['global-state', 'lang'], 'zh'],
  ['coalesce', ['get', 'name_zh'], ['get', 'name_en'], ''], ['coalesce', ['get', 'name_en'], ['get', 'name_zh'], '']];

/** @param {number} near @param {number} far @returns {Expression} */
const widths = (near, far) => ['interpolate', ['exponential', 1.6], ['zoom'], 9, near, 18, far];
/** @param {string} name @param {number} maxzoom @returns {import('maplibre-gl').VectorSourceSpecification} */
const tiles = (name, maxzoom) => ({ type: 'vector', tiles: [`${location.origin}/tiles/${name}/{z}/{x}/{y}.mvt`], minzoom: 9, maxzoom });
/** @returns {GeoJSON.FeatureCollection} */
const empty = () => ({ type: 'FeatureCollection', features: [] });

// class -> [width at z9, at z18, least zoom]; drawn in this order
/** @type {Record<string, [number, number, number]>} */
const STREETS = {
  path: [0.2, 3, 14], minor: [0.3, 11, 12.2], rail: [0.5, 3, 10], secondary: [0.5, 17, 10], primary: [0.8, 22, 9], ring: [1.1, 26, 9], motorway: [1.2, 28, 9],
};

/** @returns {Layer[]} */
function streets() {
  const rows = Object.entries(STREETS);
  /**
   * @param {string} suffix
   * @param {number} extra
   * @param {(kind: string, near: number, far: number) => Layer} paint
   * @returns {Layer[]}
   */
  const line = (suffix, extra, paint) => rows.map(([kind, [near, far, minzoom]]) => ({
    id: `street-${suffix}-${kind}`, type: 'line', source: 'base', 'source-layer': 'streets', minzoom: minzoom + extra, filter: ['==', ['get', 'class'], kind],
    layout: { 'line-cap': 'round', 'line-join': 'round' }, metadata: { layer: 'streets' }, paint: paint(kind, near, far),
  }));
  const casing = line('case', 1, (_, near, far) => ({ 'line-color': token('map-road-case'), 'line-width': widths(near + 0.8, far + 3) }));
  const body = line('body', 0, (kind, near, far) => ({
    'line-color': token(`map-road-${kind}`), 'line-width': widths(near, far), 'line-opacity': ['case', ['==', ['get', 'tunnel'], true], 0.45, 1],
  }));
  const dashes = body.map(layer => (layer.id.endsWith('rail') ? { ...layer, paint: { ...layer.paint, 'line-dasharray': [3, 2] } } : layer));
  return [...casing, ...dashes];
}

/** @param {string} id @param {string} sourceLayer @param {Layer} paint @returns {Layer} */
const fill = (id, sourceLayer, paint) => ({ id, type: 'fill', source: 'base', 'source-layer': sourceLayer, metadata: { layer: sourceLayer }, paint });

/** @returns {Layer[]} */
function ground() {
  return [
    { id: 'ground', type: 'background', paint: { 'background-color': token('map-ground') } },
    fill('district-fill', 'districts', { 'fill-color': token('map-land') }),
    fill('green-fill', 'green', { 'fill-color': ['match', ['get', 'kind'], 'farmland', token('map-farmland'), token('map-green')] }),
    fill('water-fill', 'water', { 'fill-color': token('map-water') }),
    { id: 'water-shore', type: 'line', source: 'base', 'source-layer': 'water', metadata: { layer: 'water' }, paint: { 'line-color': token('map-shore'), 'line-width': widths(0.6, 2.5) } },
  ];
}

/** @returns {Layer[]} */
function buildings() {
  return [{
    id: 'building-fill', type: 'fill', source: 'buildings', 'source-layer': 'buildings', minzoom: 13, metadata: { layer: 'buildings' },
    paint: {
      'fill-color': ['interpolate', ['linear'], ['coalesce', ['get', 'height_m'], 9], 6, token('map-building-low'), 40, token('map-building'), 120, token('map-building-high')],
      'fill-outline-color': token('map-building-edge'), 'fill-opacity': ['interpolate', ['linear'], ['zoom'], 13, 0.35, 14.4, 1],
    },
  }];
}

// The class is the first level of the code, 01 to 05.
const ASSET_CLASSES = ['01', '02', '03', '04', '05'];
/** @returns {Expression} */
const assetClass = () => ['match', ['to-string', ['get', 'class']], ...ASSET_CLASSES.flatMap(code => [code, token(`asset-${code}`)]), token('asset-normal')];

/** @returns {Layer[]} */
function assets() {
  const fault = ['all', ['has', 'state'], ['!', ['in', ['get', 'state'], ['literal', ['normal', '']]]]];
  return [
    {
      id: 'asset-heap', type: 'circle', source: 'assets', 'source-layer': 'assets', maxzoom: 14, metadata: { layer: 'assets' }, filter: ['!', ['has', 'id']],
      paint: {
        'circle-radius': ['interpolate', ['linear'], ['ln', ['max', ['get', 'count'], 1]], 0, 1.4, 6, 5], 'circle-opacity': 0.75,
        'circle-color': ['case', ['>', ['coalesce', ['get', 'faults'], 0], 0], token('asset-fault'), token('asset-normal')],
      },
    },
    {
      id: 'asset-dot', type: 'circle', source: 'assets', 'source-layer': 'assets', minzoom: 14, metadata: { layer: 'assets' }, filter: ['has', 'id'],
      paint: {
        'circle-radius': ['interpolate', ['linear'], ['zoom'], 14, 1.5, 18, 5], 'circle-color': ['case', fault, token('asset-fault'), assetClass()],
        'circle-stroke-color': token('map-ground'), 'circle-stroke-width': ['interpolate', ['linear'], ['zoom'], 14, 0, 17, 1],
      },
    },
  ];
}

/** @param {Expression} size @param {boolean} [bold] */
const words = (size, bold) => ({ 'text-font': [bold ? 'Bold' : 'Plain'], 'text-size': size });
/** @param {string} name @param {number} [width] */
const ink = (name, width = 1.5) => ({ 'text-color': token(name), 'text-halo-color': token('map-halo'), 'text-halo-width': width });

/** @returns {Layer[]} */
function labels() {
  return [
    { id: 'district-edge', type: 'line', source: 'base', 'source-layer': 'districts', metadata: { layer: 'districts' }, paint: { 'line-color': token('map-district'), 'line-width': widths(0.8, 3), 'line-dasharray': [4, 3] } },
    {
      id: 'water-name', type: 'symbol', source: 'base', 'source-layer': 'water', minzoom: 11.5, metadata: { layer: 'water' },
      layout: { ...words(12), 'text-field': NAME, 'text-letter-spacing': 0.25, 'symbol-spacing': 600 }, paint: ink('label-water'),
    },
    {
      id: 'green-name', type: 'symbol', source: 'base', 'source-layer': 'green', minzoom: 13.5, metadata: { layer: 'green' },
      layout: { ...words(11), 'text-field': NAME }, paint: ink('label-green'),
    },
    {
      id: 'street-name', type: 'symbol', source: 'base', 'source-layer': 'streets', minzoom: 11.6, metadata: { layer: 'streets' }, filter: ['in', ['get', 'class'], ['literal', ['motorway', 'ring', 'primary', 'secondary']]],
      layout: { ...words(['interpolate', ['linear'], ['zoom'], 12, 10.5, 17, 13.5]), 'symbol-placement': 'line', 'text-field': NAME, 'symbol-spacing': 460, 'text-letter-spacing': 0.05 }, paint: ink('label-street'),
    },
    {
      id: 'lane-name', type: 'symbol', source: 'base', 'source-layer': 'streets', minzoom: 15, metadata: { layer: 'streets' }, filter: ['==', ['get', 'class'], 'minor'],
      layout: { ...words(11), 'symbol-placement': 'line', 'text-field': NAME, 'symbol-spacing': 320 }, paint: ink('label-street'),
    },
    {
      id: 'place-name', type: 'symbol', source: 'base', 'source-layer': 'places', maxzoom: 15, metadata: { layer: 'districts' },
      layout: { ...words(['interpolate', ['linear'], ['zoom'], 10, 13, 14, 20], true), 'text-field': NAME, 'text-letter-spacing': 0.22, 'text-max-width': 12 }, paint: ink('label-place', 1.8),
    },
  ];
}

/**
 * Base layers in drawing order, with the colours of the present theme. Overlays go before the first label or on top.
 * @returns {Layer[]}
 */
export const baseLayers = () => [...ground(), ...buildings(), ...streets(), ...assets(), ...labels()];

/** What is not shown is hidden from the first: its tiles are not asked for. @param {Lang} lang @param {(id: string) => boolean} isShown @returns {import('maplibre-gl').StyleSpecification} */
export function baseStyle(lang, isShown) {
  return {
    version: 8,
    state: { lang: { default: lang } },
    'font-faces': { Plain: face(400), Bold: face(600) },
    sources: { base: tiles('base', 16), buildings: tiles('buildings', 16), assets: tiles('assets', 16), select: { type: 'geojson', data: empty() } },
    layers: baseLayers().map(layer => (isShown(layer.metadata?.layer ?? '') ? layer : { ...layer, layout: { ...layer.layout, visibility: 'none' } })),
  };
}
