// Phones of the unit whose card is open: which there are, a QR code for one more, the end of one.
import { get, send } from './api.mjs';
import { el } from './dom.mjs';

/** @typedef {{ id: string, name: string, made_by: string, paired_at: string | null, seen_at: string | null }} Phone */

/** @param {{ words: Words, notices: Notices }} parts */
export function startPhones({ words: { both, say, moment }, notices }) {
  /** @param {string} unit */
  const address = unit => `/api/units/${encodeURIComponent(unit)}/phones`;

  /** @param {HTMLElement} place */
  async function fill(place) {
    const unit = place.dataset.phones ?? '';
    try {
      /** @type {{ items: Phone[] }} */
      const { items } = await get(address(unit));
      const rows = items.map(phone => line(phone, place));
      place.replaceChildren(rows.length ? el('ul', { class: 'near' }, ...rows) : el('p', { class: 'quiet' }, both('field.phones.none')), adder(place));
    } catch (error) {
      notices.complain(error);
    }
  }

  /** @param {Phone} phone @param {HTMLElement} place */
  function line({ id, name, paired_at, seen_at }, place) {
    const last = paired_at ? [...both('field.phones.seen'), ' ', moment(seen_at ?? paired_at)] : both('field.phones.waiting');
    const end = el('button', { type: 'button', class: 'action', 'data-phone': id, onclick: () => change(place, () => send('DELETE', `${address(place.dataset.phones ?? '')}/${id}`)) }, both('field.phones.revoke'));
    return el('li', {}, el('span', {}, name), el('span', { class: 'way' }, last), end);
  }

  /** @param {HTMLElement} place */
  function adder(place) {
    const name = el('input', { name: 'name', required: true, maxlength: 40, 'aria-label': say('field.phones.name'), placeholder: say('field.phones.name') });
    const form = el('form', { class: 'phone-add' }, name, el('button', { type: 'submit', class: 'action' }, both('field.phones.add')));
    form.addEventListener('submit', event => {
      event.preventDefault();
      change(place, async () => show(await send('POST', address(place.dataset.phones ?? ''), { name: name.value }), () => fill(place)));
    });
    return form;
  }

  /** @param {{ qr: string, address: string }} code @param {() => void} closed */
  function show(code, closed) {
    const image = el('img', { src: `data:image/svg+xml,${encodeURIComponent(code.qr)}`, alt: code.address, width: 260, height: 260 });
    const close = el('button', { type: 'button', class: 'action primary', onclick: () => dialog.close() }, both('field.phones.close'));
    const dialog = el('dialog', { class: 'phone-code', 'aria-labelledby': 'phone-code-title' }, el('h2', { id: 'phone-code-title' }, both('field.phones.add')), image, el('p', {}, both('field.phones.scan')), close);
    dialog.addEventListener('close', () => { dialog.remove(); closed(); });
    document.body.append(dialog);
    dialog.showModal();
  }

  /** @param {HTMLElement} place @param {() => Promise<unknown>} work */
  async function change(place, work) {
    try {
      await work();
      await fill(place);
    } catch (error) {
      notices.complain(error);
    }
  }

  document.addEventListener('toggle', ({ target }) => {
    const place = target instanceof HTMLDetailsElement && target.open ? target.querySelector('[data-phones]') : null;
    if (place instanceof HTMLElement) fill(place);
  }, true);
}
