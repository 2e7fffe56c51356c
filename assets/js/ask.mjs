// Asks for what an act needs before it is done: a dialog made from the act's fields (app/cards/acts.py), which stays while the card
// behind it is drawn anew.
import { send, whyOf } from './api.mjs';
import { el } from './dom.mjs';
import { pair } from './words.mjs';

const MOST_CHIPS = 6;
// of a value of a layer (layers.imports.values)
const LONGEST = 10_000;

/**
 * A field: a choice of values, a whole number, or a text with what is often said. `value` is what it begins with. One that stands `into` an object of the
 * body is called by that, a point and its own name.
 * @typedef {{ name: string, label: Bilingual, kind: 'choice' | 'text' | 'number', required: boolean, choices: { value: string | number, label: Bilingual }[], value?: string | number | null, into?: string | null }} AskedFor
 */
/** @typedef {{ name: string, label: Bilingual, method: string, url: string, body: Record<string, any>, fields: AskedFor[] }} Act */
/** @typedef {{ node: HTMLElement, read: () => string | number | null }} Field */

/**
 * The call of an act with what was given: a field that stands in braces in the address goes there, the others into the body; of those
 * that stand into an object of it what is another than it began with, null where it is empty.
 * @param {Act} act
 * @param {Record<string, string | number | null>} given
 */
export function callOf({ url, body, fields }, given) {
  const rest = { ...given };
  /** @type {Record<string, Record<string, string | number | null>>} */
  const inside = {};
  for (const { name, value, into } of fields) {
    if (!into) continue;
    inside[into] ??= {};
    const said = rest[name] ?? '';
    delete rest[name];
    if (String(said) !== String(value ?? '')) inside[into][name.slice(into.length + 1)] = said === '' ? null : said;
  }
  const address = url.replace(/\{(\w+)\}/g, (_, name) => {
    const value = encodeURIComponent(String(rest[name] ?? ''));
    delete rest[name];
    return value;
  });
  const said = Object.entries(rest).filter(([, value]) => value !== null && value !== '');
  return { url: address, body: { ...body, ...inside, ...Object.fromEntries(said) } };
}

/** @param {AskedFor} field @param {string} id @param {Words} words @returns {Field} */
function choiceField(field, id, { plain }) {
  const chosen = field.value ?? (field.choices.length === 1 ? field.choices[0].value : null);
  if (field.choices.length <= MOST_CHIPS) {
    const chips = field.choices.map(({ value, label }) => el('label', { class: 'pick' },
      el('input', { type: 'radio', name: field.name, value: String(value), checked: value === chosen, required: field.required }), el('span', {}, pair(label))));
    const node = el('div', { role: 'radiogroup', 'aria-labelledby': `${id}-label`, class: 'picks' }, chips);
    const read = () => {
      const at = chips.findIndex(chip => /** @type {HTMLInputElement} */ (chip.firstElementChild).checked);
      return at < 0 ? null : field.choices[at].value;
    };
    return { node, read };
  }
  const options = field.choices.map(({ value, label }) => el('option', { value: String(value), selected: value === chosen }, plain(label)));
  const node = el('select', { id, name: field.name, required: field.required }, chosen === null ? [el('option', { value: '' }, '')] : [], options);
  return { node, read: () => field.choices.find(({ value }) => String(value) === node.value)?.value ?? null };
}

/**
 * What a text says: the value of what is often said where it is just that, so that everybody reads it in their own language.
 * @param {AskedFor['choices']} often
 * @param {string} typed
 */
export function saidOf(often, typed) {
  const text = typed.trim();
  return often.find(({ label }) => text === label.zh || text === label.en)?.value ?? (text || null);
}

/** @param {AskedFor} field @param {string} id @param {Words} words @returns {Field} */
function textField(field, id, { plain }) {
  const text = el('textarea', { id, name: field.name, rows: field.into ? 1 : 2, maxlength: field.into ? LONGEST : 500, required: field.required });
  text.value = String(field.value ?? '');
  const often = field.choices.map(({ label }) => el('button', { type: 'button', class: 'pick', onclick: () => { text.value = plain(label); text.focus(); } }, pair(label)));
  return { node: el('div', {}, often.length ? el('div', { class: 'picks' }, often) : null, text), read: () => saidOf(field.choices, text.value) };
}

/** @param {AskedFor} field @param {string} id @returns {Field} */
function numberField(field, id) {
  const node = el('input', { id, name: field.name, type: 'number', min: 0, step: 1, required: field.required, value: field.value ?? '' });
  return { node, read: () => (node.value === '' ? null : Number(node.value)) };
}

/** @param {{ words: Words, catalogue: Texts }} parts */
export function makeDialogs({ words, catalogue }) {
  const { both } = words;
  /** @type {HTMLDialogElement | null} */
  let open = null;

  /** @param {AskedFor} field @param {number} index */
  function draw(field, index) {
    const id = `ask-${index}`;
    const made = field.kind === 'choice' ? choiceField(field, id, words) : field.kind === 'number' ? numberField(field, id) : textField(field, id, words);
    const label = el('label', { for: id, id: `${id}-label` }, pair(field.label), field.required ? [] : [' ', el('span', { class: 'quiet' }, both('ask.optional'))]);
    return { name: field.name, read: made.read, node: el('div', { class: 'asked', 'data-field': field.name }, label, made.node) };
  }

  return {
    isOpen: () => Boolean(open?.open),

    /**
     * Asks, and calls when it is sent. `done` gets the answer; what is refused is said in the dialog and can be sent again, `refused` is
     * told.
     * @param {Act} act
     * @param {(result: any, url: string) => void} done
     * @param {{ intro?: HTMLElement | null, complete?: (given: Record<string, any>) => Record<string, any>, refused?: () => void }} [more]
     */
    ask(act, done, { intro = null, complete = given => given, refused = () => {} } = {}) {
      open?.remove();
      const fields = act.fields.map((field, index) => draw(field, index));
      const fault = el('p', { class: 'fault', role: 'alert', hidden: true });
      const submit = el('button', { type: 'submit', class: 'action primary', 'data-testid': 'ask-send' }, pair(act.label));
      const close = el('button', { type: 'button', class: 'action', onclick: () => dialog.close() }, both('ask.cancel'));
      const form = el('form', { method: 'dialog' }, el('h2', { id: 'ask-title' }, pair(act.label)), intro, fields.map(({ node }) => node), fault,
        el('div', { class: 'ask-end' }, close, submit));
      const dialog = el('dialog', { id: 'ask', 'aria-labelledby': 'ask-title', onclose: () => dialog.remove() }, form);
      form.addEventListener('submit', async event => {
        event.preventDefault();
        submit.disabled = true;
        const given = complete(Object.fromEntries(fields.map(({ name, read }) => [name, read()])));
        const { url, body } = callOf(act, given);
        try {
          const result = await send(act.method, url, body);
          dialog.close();
          done(result, url);
        } catch (error) {
          fault.replaceChildren(...pair(whyOf(error, catalogue)));
          fault.hidden = false;
          refused();
        }
        submit.disabled = false;
      });
      document.body.append(dialog);
      dialog.showModal();
      open = dialog;
    },
  };
}
