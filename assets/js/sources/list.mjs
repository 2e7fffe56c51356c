// The tab of sources: one line each with what comes through, a switch, and the form beside it.
import { get, send } from '../api.mjs';
import { el } from '../dom.mjs';
import { both } from './words.mjs';
import { sourceForm } from './form.mjs';
import { age, busy, button, changed, complain, done, isAdmin, lamp, lasting, names, notice, number, redraw } from './parts.mjs';

const HEAD = ['sources.name', 'sources.state', 'sources.topics', 'sources.rate', 'sources.last', 'sources.lag', 'sources.devices', 'sources.letters', 'sources.on'];

/** What is to be thought of a source, the gravest first. */
export function condition({ state }) {
  if (!state.enabled) return ['off', 'sources.is.off'];
  if (state.fault) return ['dead', 'sources.is.unusable'];
  if (state.overdue) return ['old', 'sources.is.overdue'];
  if (!state.last_at) return ['off', 'sources.is.unheard'];
  return state.dead_letters.waiting ? ['old', 'sources.is.letters'] : ['fresh', 'sources.is.well'];
}

/** The tab: `open(tab, wish)` leads to another one. */
export function sourcesTab(open) {
  const listed = el('div', { class: 'list scroll', 'data-testid': 'sources-list' });
  const aside = el('aside', { class: 'detail scroll', hidden: true });
  let known = [];
  let decoders = [];
  let edited = null;

  function close() {
    const key = edited && `source-${edited}`;
    edited = null;
    aside.hidden = true;
    aside.replaceChildren();
    draw();
    if (key) listed.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  }

  function edit(source, message = null) {
    edited = source?.id ?? '';
    aside.hidden = false;
    aside.replaceChildren(sourceForm({ source, decoders, message, close, saved }));
    aside.scrollTop = 0;
    aside.querySelector('h2').focus();
    draw();
  }

  async function saved(source) {
    done('sources.saved');
    changed();
    await read(true);
    edit(source);
  }

  async function toggle(source, node) {
    const told = await busy(node, () => send('PATCH', `/api/sources/${encodeURIComponent(source.id)}`, { version: source.version, enabled: !source.enabled }), error => { complain(error); draw(); });
    if (told) await saved_(told);
  }

  async function saved_(source) {
    done(source.enabled ? 'sources.switched_on' : 'sources.switched_off');
    changed();
    await read(true);
    if (edited === source.id) edit(source);
  }

  const cell = (key, className, ...content) => el('td', { class: className }, el('span', { class: 'column' }, both(key)), content.flat());

  function row(source) {
    const { state } = source;
    const [look, words] = condition(source);
    const toggler = el('input', { type: 'checkbox', role: 'switch', 'data-key': `switch-${source.id}`, disabled: !isAdmin(), 'aria-label': names(source) });
    toggler.checked = source.enabled;
    toggler.addEventListener('change', () => toggle(source, toggler));
    const waiting = state.dead_letters.waiting;
    return el('tr', { 'data-source': source.id, 'aria-selected': String(edited === source.id) },
      el('th', { scope: 'row' }, el('button', { type: 'button', class: 'link', 'data-key': `source-${source.id}`, onclick: () => edit(source) }, names(source)), el('span', { class: 'quiet' }, `${source.id} · ${source.decoder}`), state.fault && source.enabled ? el('span', { class: 'fault' }, state.fault) : null),
      cell('sources.state', 'condition', lamp(look, words)),
      cell('sources.topics', 'topics', source.topic_filters.slice(0, 3).map(one => el('code', {}, one)), source.topic_filters.length > 3 ? el('span', { class: 'quiet' }, both('sources.more', { n: source.topic_filters.length - 3 })) : null),
      cell('sources.rate', 'figure', number(state.rate)),
      cell('sources.last', 'figure', age(state.last_at)),
      cell('sources.lag', 'figure', lasting(state.lag_s)),
      cell('sources.devices', 'figure', number(state.devices), state.pending ? el('button', { type: 'button', class: 'chip pressed', 'data-key': `pending-${source.id}`, onclick: () => open('devices', { source: source.id }) }, both('sources.pending_n', { n: state.pending })) : null),
      cell('sources.letters', 'figure', waiting ? el('button', { type: 'button', class: 'chip pressed warn', 'data-key': `letters-${source.id}`, onclick: () => open('letters', { source: source.id }) }, number(waiting)) : '0'),
      cell('sources.on', 'switch', toggler));
  }

  function draw() {
    const add = isAdmin() ? button('add-source', 'sources.add', () => edit(null)) : null;
    const table = el('table', {}, el('thead', {}, el('tr', {}, HEAD.map(key => el('th', { scope: 'col' }, both(key))))), el('tbody', {}, known.map(row)));
    redraw(listed, el('div', { class: 'bar' }, el('p', { class: 'quiet' }, both('sources.explain')), add), known.length ? table : notice('empty', 'sources.none'));
  }

  async function read(all) {
    const [list, kinds] = await Promise.all([get('/api/sources'), all && !decoders.length ? get('/api/decoders') : null]);
    known = list.items.sort((a, b) => b.enabled - a.enabled || (a.id < b.id ? -1 : 1));
    if (kinds) decoders = kinds.items;
    if (all) draw();
    return known.filter(({ state }) => state.enabled && (state.fault || state.overdue)).length;
  }

  return {
    place: node => node.append(listed, aside),
    read,
    show: async wish => {
      if (!wish?.id) return;
      await read(true);
      const source = known.find(({ id }) => id === wish.id);
      edit(source ?? null, wish.message);
    },
  };
}
