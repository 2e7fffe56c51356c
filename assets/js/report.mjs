// A new incident by hand: asked for with a key or the list's button (where something is selected, else where the map looks), or by the
// right button on the map (there).
import { el } from './dom.mjs';

const DIGITS = 5;

/** @typedef {{ lon: number, lat: number }} Where */

/** @param {Vocabulary} vocabulary @param {Words} words @returns {import('./ask.mjs').AskedFor[]} */
function fieldsOf({ incident_kinds: kinds, urgencies }, { texts }) {
  const named = Object.entries(/** @type {Texts} */ (kinds));
  /** @type {(name: string, required: boolean) => Omit<import('./ask.mjs').AskedFor, 'kind' | 'choices'>} */
  const field = (name, required) => ({ name, required, label: texts(`report.${name}`) });
  return [
    { ...field('kind', true), kind: 'choice', choices: named.map(([value, label]) => ({ value, label })) },
    { ...field('in_danger', false), kind: 'number', choices: [] },
    { ...field('address', false), kind: 'text', choices: [] },
    { ...field('text', false), kind: 'text', choices: [] },
    { ...field('level', false), kind: 'choice', choices: Object.entries(urgencies).map(([value, label]) => ({ value: Number(value), label })) },
  ];
}

/**
 * The body of the call: a title is place and what; the level is that of the kind where nobody says one.
 * @param {Record<string, any>} given
 * @param {Record<string, { level?: number } & Bilingual>} kinds
 */
export function completed(given, kinds) {
  const kind = kinds[given.kind];
  return { ...given, level: given.level ?? kind?.level ?? 4, title: `${given.address ?? ''}${kind?.zh ?? given.kind}` };
}

/** @param {{ me: Me, dialogs: Dialogs, vocabulary: Vocabulary, words: Words, map: MapLibre, selection: Chosen, live: Live }} parts */
export function makeReporter({ me, dialogs, vocabulary, words, map, selection, live }) {
  const may = me.permissions.includes('incident.edit');
  const kinds = /** @type {any} */ (vocabulary.incident_kinds);

  /** @param {Where} where @param {string} from a key of the catalogue: how the place was found */
  function ask({ lon, lat }, from) {
    const [east, north] = [lon, lat].map(one => Number(one.toFixed(DIGITS)));
    const intro = el('p', { class: 'quiet' }, words.both(from), ' ', el('span', { class: 'position' }, `${east}, ${north}`));
    const act = { name: 'report', label: words.texts('report.title'), method: 'POST', url: '/api/incidents', body: { lon: east, lat: north }, fields: fieldsOf(vocabulary, words) };
    dialogs.ask(act, made => {
      live.incident.upsert([made]);
      selection.select({ type: 'incident', id: String(made.id) });
    }, { intro, complete: given => completed(given, kinds) });
  }

  /** Where something is selected, else where the map looks. */
  function open() {
    if (!may) return;
    const chosen = selection.current();
    if (chosen && Number.isFinite(chosen.lon) && Number.isFinite(chosen.lat)) return ask({ lon: Number(chosen.lon), lat: Number(chosen.lat) }, 'report.where.selected');
    const { lng: lon, lat } = map.getCenter();
    ask({ lon, lat }, 'report.where.map');
  }

  map.on('contextmenu', ({ lngLat: { lng: lon, lat }, originalEvent }) => {
    if (!may) return;
    originalEvent.preventDefault();
    ask({ lon, lat }, 'report.where.here');
  });

  return { open };
}
