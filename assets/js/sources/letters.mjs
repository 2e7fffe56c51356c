// The tab of dead letters: groups by reason, a search, one letter whole; replayed or discarded.
import { get, send } from '../api.mjs';
import { atMost, el } from '../dom.mjs';
import { both, moment, say } from './words.mjs';
import { age, area, busy, button, changed, done, field, iconButton, input, isAdmin, mayRead, notice, number, reasonWords, redraw, select } from './parts.mjs';

const STATES = ['waiting', 'replayed', 'discarded', 'all'];
const SIZE = 50;
const NONE = '-';
const query = asked => new URLSearchParams(Object.entries(asked).filter(([, value]) => value)).toString();

/** The tab: `open(tab, wish)` leads to another one. */
export function lettersTab(open) {
  const groups = el('div', { class: 'groups', role: 'group' });
  const found = el('div', { class: 'found', 'data-testid': 'letters-list' });
  const aside = el('aside', { class: 'detail scroll', hidden: true });
  const asked = { state: 'waiting', reason: null, source: null, q: '' };
  let reasons = [];
  let items = null;
  let next = null;
  let opened = null;
  // pages asked for beyond the first are kept until the question changes
  let longer = false;

  const search = input('', { type: 'search', 'aria-label': say('letters.search') });
  const states = select('waiting', []);
  const soon = atMost(250, () => { asked.q = search.value.trim(); change({}); });
  search.addEventListener('input', soon);
  states.addEventListener('change', () => change({ state: states.value }));

  function change(more) {
    Object.assign(asked, more);
    longer = false;
    return read(true);
  }

  function close() {
    opened = null;
    aside.hidden = true;
    aside.replaceChildren();
    drawList();
  }

  async function show(id) {
    opened = id;
    aside.hidden = false;
    aside.replaceChildren(notice('loading', 'lists.loading'));
    drawList();
    const letter = await busy(aside, () => get(`/api/dead-letters/${id}`), error => aside.replaceChildren(notice('failed', 'letters.failed', error.message)));
    if (letter && opened === id) {
      aside.replaceChildren(letterCard(letter, { close, open, settled: async () => { close(); changed(); await read(true); } }));
      aside.scrollTop = 0;
      aside.querySelector('h2').focus();
    }
  }

  async function replay(body, node) {
    const told = await busy(node, () => send('POST', '/api/dead-letters/replay', body));
    if (!told) return;
    tell(told);
    changed();
    await read(true);
  }

  function group({ reason, source, count, first_at: first, last_at: last }) {
    const chosen = asked.reason === reason && asked.source === (source ?? NONE);
    const pick = el('button', { type: 'button', class: 'pick', 'data-key': `group-${reason}-${source}`, 'aria-pressed': String(chosen), onclick: () => change(chosen ? { reason: null, source: null } : { reason, source: source ?? NONE, state: 'waiting' }) },
      el('b', {}, number(count)), ' ', reasonWords(reason), el('span', { class: 'chip' }, source ?? both('letters.no_source')), el('span', { class: 'quiet', title: `${moment(first)} – ${moment(last)}` }, both('letters.newest'), ' ', age(last)));
    const again = isAdmin() ? button(`replay-${reason}-${source}`, 'letters.replay_all', event => replay({ reason, source: source ?? NONE }, event.currentTarget)) : null;
    return el('div', { class: 'group' }, pick, again);
  }

  function row(letter) {
    return el('li', { class: 'letter', 'data-letter': letter.id, 'aria-current': String(opened === letter.id) },
      el('button', { type: 'button', 'data-key': `letter-${letter.id}`, onclick: () => show(letter.id) },
        el('span', { class: 'head' }, el('b', {}, reasonWords(letter.reason)), el('code', {}, letter.topic), letter.state === 'waiting' ? null : el('span', { class: 'chip' }, both(`letters.state.${letter.state}`)), age(letter.received_at)),
        el('span', { class: 'quiet' }, letter.detail), el('code', { class: 'payload' }, letter.preview)));
  }

  async function more(node) {
    const told = await busy(node, () => get(`/api/dead-letters?${query({ ...asked, cursor: next, limit: SIZE })}`));
    if (!told) return;
    longer = true;
    items = [...items, ...told.items];
    next = told.next;
    drawList();
  }

  function drawList() {
    const body = !items ? notice('loading', 'lists.loading') : items.length ? el('ul', { class: 'letters' }, items.map(row)) : notice('empty', asked.state === 'waiting' && !asked.q && !asked.reason ? 'letters.none' : 'letters.nothing');
    redraw(found, body, next ? button('more', 'letters.more', event => more(event.currentTarget)) : null);
  }

  function draw() {
    const filtered = asked.source && !reasons.some(({ reason, source }) => reason === asked.reason && (source ?? NONE) === asked.source);
    redraw(groups, reasons.map(group), filtered ? button('all-letters', 'letters.all', () => change({ source: null, reason: null })) : null);
    states.value = asked.state;
    drawList();
  }

  async function read(all) {
    if (!mayRead()) return 0;
    reasons = (await get('/api/dead-letters/reasons')).items;
    if (all && !longer) ({ items, next } = await get(`/api/dead-letters?${query({ ...asked, limit: SIZE })}`));
    if (all) draw();
    return reasons.reduce((sum, { count }) => sum + count, 0);
  }

  function place(node) {
    if (!mayRead()) return node.append(notice('empty', 'letters.forbidden'));
    states.replaceChildren(...STATES.map(key => el('option', { value: key }, say(`letters.state.${key}`))));
    const bar = el('div', { class: 'bar filters' }, field('q', 'letters.search', search), field('state', 'sources.state', states));
    return node.append(el('div', { class: 'list scroll' }, groups, bar, found), aside);
  }

  return { place, read, show: wish => { if (wish?.source) Object.assign(asked, { source: wish.source, reason: null, state: 'waiting' }); } };
}

function tell({ read, still, left }) {
  const kept = Object.values(still).reduce((sum, count) => sum + count, 0);
  done(kept || left ? 'letters.replayed_some' : 'letters.replayed', { read, kept: kept + left });
}

/** Sixteen bytes a line: where, in hexadecimal, as signs. */
function dump(hex) {
  const bytes = hex.match(/../g) || [];
  const sign = byte => { const code = parseInt(byte, 16); return code >= 32 && code < 127 ? String.fromCharCode(code) : '·'; };
  return Array.from({ length: Math.ceil(bytes.length / 16) }, (_, line) => {
    const part = bytes.slice(line * 16, line * 16 + 16);
    return `${(line * 16).toString(16).padStart(4, '0')}  ${part.join(' ').padEnd(47)}  ${part.map(sign).join('')}`;
  }).join('\n');
}

function payloadBox(letter) {
  const body = el('pre', { class: 'payload', tabindex: 0, 'data-testid': 'letter-payload' });
  const forms = { text: () => letter.text, hex: () => dump(letter.hex) };
  const press = name => el('button', { type: 'button', class: 'link', 'data-as': name, onclick: () => show(name) }, both(`letters.as.${name}`));
  const buttons = letter.text == null ? [press('hex')] : [press('text'), press('hex')];
  function show(name) {
    body.textContent = forms[name]();
    body.dataset.form = name;
    for (const node of buttons) node.setAttribute('aria-pressed', String(node.dataset.as === name));
  }
  show(letter.text == null ? 'hex' : 'text');
  return [el('div', { class: 'forms' }, el('h3', {}, both('letters.payload', { n: number(letter.size) })), buttons), body];
}

function letterCard(letter, { close, open, settled }) {
  const fact = (key, value) => (value ? el('div', { class: 'fact' }, el('dt', {}, both(key)), el('dd', {}, value)) : null);
  const head = el('header', {}, el('h2', { tabindex: -1 }, reasonWords(letter.reason)), iconButton('close-letter', 'close', 'sources.close', close));
  const detail = el('p', { class: 'error' }, letter.detail);
  const properties = Object.entries(letter.properties).map(([name, value]) => `${name}: ${value}`).join('\n');
  const list = el('dl', {}, fact('letters.received', [moment(letter.received_at), ' · ', age(letter.received_at)]), fact('devices.topic', el('code', {}, letter.topic)), fact('devices.source', letter.source ?? say('letters.no_source')),
    fact('letters.field', letter.field), fact('letters.properties', properties), letter.state === 'waiting' ? null : fact('sources.state', [both(`letters.state.${letter.state}`), ` · ${letter.handled_by ?? ''}`]));
  return el('div', {}, head, detail, list, payloadBox(letter), letter.state === 'waiting' && isAdmin() ? fate(letter, open, settled) : null);
}

/** What an administrator can do with a letter that waits. */
function fate(letter, open, settled) {
  const mend = letter.source ? button('mend', 'letters.mend', () => open('sources', { id: letter.source, message: { topic: letter.topic, payload: letter.text ?? '', base64: letter.base64 } })) : null;
  const again = button('replay', 'letters.replay', async () => {
    const told = await busy(again, () => send('POST', '/api/dead-letters/replay', { ids: [letter.id] }));
    if (told) { tell(told); await settled(); }
  });
  const why = area('', 2, { required: true });
  const drop = el('button', { type: 'submit', class: 'action', 'data-key': 'discard' }, both('letters.discard'));
  const form = el('form', { class: 'discard' }, el('details', {}, el('summary', {}, both('letters.discard.title')), field('why', 'letters.why', why), drop));
  form.addEventListener('submit', async event => {
    event.preventDefault();
    const told = await busy(drop, () => send('POST', '/api/dead-letters/discard', { ids: [letter.id], why: why.value.trim() }));
    if (told) { done('letters.discarded'); await settled(); }
  });
  again.classList.add('primary');
  return el('div', { class: 'fate' }, el('div', { class: 'pair' }, again, mend), form);
}
