// Draws the page of a phone from what it knows. No question is asked here.
import { el } from '../dom.mjs';
import { mayDecline, nextOf, stateOf } from './task.mjs';

/** Numerals of levels, as people say them. */
const ROMAN = ['', 'Ⅰ', 'Ⅱ', 'Ⅲ', 'Ⅳ'];
/** So many entries are shown. */
const SHOWN = 12;

/** The strip on top: whether it is connected, since when not, how much waits. @param {FieldState} state @param {FieldSpeech} speech */
export function strip({ picture, entries, heard, lost, out, lasting }, { say, plain, clock }) {
  const waiting = entries.filter(entry => entry.state === 'waiting').length;
  const count = waiting ? [el('b', { class: 'waiting' }, say('field.strip.waiting', { n: waiting }))] : [];
  const how = out ? say('field.strip.out') : lost !== null ? say('field.strip.lost', { time: clock(lost) }) : heard === null ? say('field.strip.asking') : say('field.strip.heard', { time: clock(heard) });
  const language = el('button', { type: 'button', id: 'language', 'data-do': 'language' }, say('bar.language.short'));
  return [el('div', { class: 'who' }, el('b', {}, plain(picture?.names) || say('field.title')), language), el('p', { 'data-testid': 'strip' }, how, ...count), ...(lasting ? [] : [el('p', { class: 'why' }, say('field.unkept'))])];
}

/** @param {FieldState} state @param {FieldSpeech} speech */
export function page({ picture, entries, out }, speech) {
  const { say } = speech;
  if (out) return [el('section', { class: 'card' }, el('h1', {}, say('field.out.title')), el('p', {}, say('field.out.text'))), outbox(entries, speech)];
  if (!picture) return [el('section', { class: 'card' }, el('h1', {}, say('field.none.asking'))), rest(speech), outbox(entries, speech)];
  const { task } = picture;
  return [task ? taskCard(task, picture, entries, speech) : idle(picture, speech), rest(speech), outbox(entries, speech)];
}

/** @param {FieldPicture} picture @param {FieldSpeech} speech */
const idle = ({ status }, { say, label }) =>
  el('section', { class: 'card' }, el('h1', {}, say('field.none')), el('p', {}, label('unit_statuses', status)));

/** @param {FieldTask} task @param {FieldPicture} picture @param {FieldEntry[]} entries @param {FieldSpeech} speech */
function taskCard(task, { navigate }, entries, { say, label, plain }) {
  const { incident } = task;
  const at = stateOf(task, entries);
  const next = nextOf(at);
  const facts = [
    incident.address ? el('p', { class: 'address' }, incident.address) : null,
    incident.text ? el('p', {}, incident.text) : null,
    incident.in_danger ? el('p', { class: 'danger' }, say('field.danger', { n: incident.in_danger })) : null,
  ];
  const others = task.others.map(one => el('li', {}, `${plain(one.unit_names)} · ${label('milestones', one.status)}`));
  const ways = navigate ? [el('p', { class: 'ways' }, el('a', { class: 'button', href: navigate.amap, target: '_blank', rel: 'noreferrer' }, say('field.way.amap')), el('a', { class: 'button', href: navigate.geo }, say('field.way.geo')))] : [];
  return el('section', { class: 'card task', 'data-level': incident.level },
    el('p', { class: 'kind' }, el('b', { class: 'level' }, ROMAN[incident.level]), el('span', {}, `${label('incident_kinds', incident.kind)} · ${incident.number}`)),
    el('h1', {}, plain(incident.titles)), ...facts,
    el('p', { class: 'state', 'data-testid': 'state', 'data-state': at }, label('milestones', at), at === task.state ? null : el('i', {}, say('field.entry.waiting'))),
    ...ways,
    others.length ? el('div', { class: 'others' }, el('h2', {}, say('field.others')), el('ul', {}, ...others)) : null,
    next ? el('button', { type: 'button', class: 'primary', 'data-do': 'reply', 'data-state': next, 'data-task': task.id }, say(`field.act.${next}`)) : null,
    mayDecline(at) ? el('button', { type: 'button', class: 'secondary', 'data-do': 'decline', 'data-task': task.id }, say('field.act.declined')) : null);
}

/** @param {FieldSpeech} speech */
const rest = ({ say }) =>
  el('section', { class: 'more' },
    el('button', { type: 'button', class: 'secondary', 'data-do': 'message' }, say('field.act.message')),
    el('button', { type: 'button', class: 'secondary', 'data-do': 'report' }, say('field.act.report')),
    el('button', { type: 'button', class: 'panic', 'data-do': 'panic', 'aria-describedby': 'panic-how' }, say('field.act.panic')),
    el('p', { id: 'panic-how', class: 'note' }, say('field.panic.how')));

/** @param {FieldEntry[]} entries @param {FieldSpeech} speech */
function outbox(entries, speech) {
  const { say } = speech;
  const shown = [...entries].reverse();
  const must = shown.filter(entry => entry.state !== 'done');
  const rows = [...must, ...shown.filter(entry => entry.state === 'done')].slice(0, Math.max(SHOWN, must.length));
  const list = rows.length ? el('ul', {}, ...rows.map(entry => line(entry, speech))) : el('p', { class: 'note' }, say('field.outbox.none'));
  return el('section', { class: 'outbox' }, el('h2', {}, say('field.outbox')), list);
}

/** @param {FieldEntry} entry @param {FieldSpeech} speech */
function line({ seq, act, state, why, incident }, { say, label, plain, clock }) {
  const what = act.kind === 'reply' ? label('milestones', String(act.state)) : act.text ?? say(`field.act.${act.kind}`);
  const came = state === 'done' && incident ? say('field.entry.incident', { number: incident }) : say(`field.entry.${state}`);
  const buttons = state !== 'refused' ? [] : [
    act.kind === 'message' || act.kind === 'report' ? el('button', { type: 'button', class: 'small', 'data-do': 'mend', 'data-seq': seq }, say('field.entry.mend')) : null,
    el('button', { type: 'button', class: 'small', 'data-do': 'drop', 'data-seq': seq }, say('field.entry.drop')),
  ];
  return el('li', { 'data-entry': state, 'data-kind': act.kind },
    el('time', { datetime: act.at }, clock(act.at)), el('span', { class: 'what' }, what), el('span', { class: 'came' }, came),
    state === 'refused' ? el('p', { class: 'why' }, plain(why)) : null, ...buttons);
}
