// A new incident by hand: asked for with a key or the list's button (where something is selected, else at the address that is said), or
// by the right button on the map (there). The middle of the map is a place only for who says so.

const DIGITS = 5;

/** @typedef {{ lon: number, lat: number }} Where */

const AT_ADDRESS = 'address';
const AT_POINT = 'point';

/**
 * @param {Vocabulary} vocabulary
 * @param {Words} words
 * @param {Bilingual} point what the point is, which is offered beside the address
 * @param {string} place which of the two it begins with
 * @returns {import('./ask.mjs').AskedFor[]}
 */
function fieldsOf({ incident_kinds: kinds, urgencies }, { texts }, point, place) {
  const named = Object.entries(/** @type {Texts} */ (kinds));
  /** @type {(name: string, required: boolean) => Omit<import('./ask.mjs').AskedFor, 'kind' | 'choices'>} */
  const field = (name, required) => ({ name, required, label: texts(`report.${name}`) });
  return [
    { ...field('kind', true), kind: 'choice', choices: named.map(([value, label]) => ({ value, label })) },
    { ...field('in_danger', false), kind: 'number', choices: [] },
    { ...field('address', false), kind: 'text', choices: [] },
    { ...field('place', true), kind: 'choice', value: place, choices: [{ value: AT_ADDRESS, label: texts('report.where.address') }, { value: AT_POINT, label: point }] },
    { ...field('text', false), kind: 'text', choices: [] },
    { ...field('level', false), kind: 'choice', choices: Object.entries(urgencies).map(([value, label]) => ({ value: Number(value), label })) },
  ];
}

/**
 * The body of the call: a title is place and what; the level is that of the kind where nobody says one; the point where it is not the
 * address that says the place.
 * @param {Record<string, any>} asked
 * @param {Record<string, { level?: number } & Bilingual>} kinds
 * @param {Where} point
 */
export function completed({ place, ...given }, kinds, point) {
  const kind = kinds[given.kind];
  return { ...given, ...(place === AT_ADDRESS ? {} : point), level: given.level ?? kind?.level ?? 4, title: `${given.address ?? ''}${kind?.zh ?? given.kind}` };
}

/** @param {{ me: Me, dialogs: Dialogs, vocabulary: Vocabulary, words: Words, map: MapLibre, selection: Chosen, live: Live }} parts */
export function makeReporter({ me, dialogs, vocabulary, words, map, selection, live }) {
  const may = me.permissions.includes('incident.edit');
  const kinds = /** @type {any} */ (vocabulary.incident_kinds);

  /** @param {Where} where @param {string} from a key of the catalogue: how the point was found @param {string} [place] */
  function ask(where, from, place = AT_POINT) {
    const [lon, lat] = [where.lon, where.lat].map(one => Number(one.toFixed(DIGITS)));
    const { zh, en } = words.texts(from);
    const fields = fieldsOf(vocabulary, words, { zh: `${zh} ${lon}, ${lat}`, en: `${en} ${lon}, ${lat}` }, place);
    const act = { name: 'report', label: words.texts('report.title'), method: 'POST', url: '/api/incidents', body: {}, fields };
    dialogs.ask(act, made => {
      live.incident.upsert([made]);
      selection.select({ type: 'incident', id: String(made.id) });
    }, { complete: given => completed(given, kinds, { lon, lat }) });
  }

  /** Where something is selected, else at an address; where the map looks for who says so. */
  function open() {
    if (!may) return;
    const chosen = selection.current();
    if (chosen && Number.isFinite(chosen.lon) && Number.isFinite(chosen.lat)) return ask({ lon: Number(chosen.lon), lat: Number(chosen.lat) }, 'report.where.selected');
    const { lng: lon, lat } = map.getCenter();
    ask({ lon, lat }, 'report.where.map', AT_ADDRESS);
  }

  map.on('contextmenu', ({ lngLat: { lng: lon, lat }, originalEvent }) => {
    if (!may) return;
    originalEvent.preventDefault();
    ask({ lon, lat }, 'report.where.here');
  });

  return { open };
}
