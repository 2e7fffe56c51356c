// An address for what is on the screen: what is selected, where the map looks, which layers are on, in which language. Whoever follows it
// sees the same, as far as they may; what they have chosen themselves stays remembered.
const DIGITS = 5;

/**
 * What an address says; what cannot be read is as if it were not there.
 * @typedef {{ open: { type: string, id: string } | null, at: { center: Place, zoom: number } | null, layers: string[] | null, lang: Lang | null }} Linked
 */

/** @param {string} search of an address @returns {Linked} */
export function linkedIn(search) {
  const said = new URLSearchParams(search);
  const [, type, id] = (said.get('open') ?? '').match(/^([a-z_]+)\/(.+)$/) ?? [];
  const [lon, lat, zoom] = (said.get('at') ?? '').split(',').map(Number);
  const isPlace = said.has('at') && Math.abs(lon) <= 180 && Math.abs(lat) <= 90 && zoom >= 0 && zoom <= 24;
  const lang = said.get('lang');
  return {
    open: type ? { type, id } : null,
    at: isPlace ? { center: [lon, lat], zoom } : null,
    layers: said.has('layers') ? (said.get('layers') ?? '').split(',').filter(Boolean) : null,
    lang: lang === 'zh' || lang === 'en' ? lang : null,
  };
}

/**
 * The address of what is on the screen.
 * @param {{ origin: string, thing: Thing | null, center: { lng: number, lat: number }, zoom: number, layers: string[], lang: Lang }} shown
 */
export function linkOf({ origin, thing, center, zoom, layers, lang }) {
  const said = new URLSearchParams();
  if (thing && thing.type !== 'place') said.set('open', `${thing.type}/${thing.id}`);
  said.set('at', [center.lng.toFixed(DIGITS), center.lat.toFixed(DIGITS), zoom.toFixed(2)].join(','));
  said.set('layers', layers.join(','));
  said.set('lang', lang);
  return `${origin}/?${said}`;
}

/** The layers as the address wants them: those it names are on, the others off. @param {LayerItem[]} items @param {string[] | null} named */
export const asLinked = (items, named) => (named ? items.map(item => ({ ...item, visible: named.includes(item.id) })) : items);
