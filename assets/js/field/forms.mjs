// What is asked in a dialog: the reason of a decline, a message, something new, whether it is really done. A dialog stays open until what it
// asked for is kept: nothing that was typed is lost.
import { el } from '../dom.mjs';

/** @param {FieldSpeech} speech @param {Element} place */
export function makeForms(speech, place) {
  const { say, label, keys } = speech;

  /**
   * @param {string} title a key
   * @param {(Node | null)[]} fields
   * @param {string} button a key
   * @param {(data: FormData) => Promise<void>} done rejects where it could not be kept
   */
  function ask(title, fields, button, done) {
    const failed = el('p', { class: 'why', role: 'alert', hidden: true }, say('field.full'));
    const ok = el('button', { type: 'submit', class: 'primary' }, say(button));
    const cancel = el('button', { type: 'button', class: 'secondary', onclick: () => dialog.close() }, say('field.cancel'));
    const form = el('form', { method: 'dialog' }, el('h2', { id: 'dialog-title' }, say(title)), ...fields, failed, ok, cancel);
    const dialog = el('dialog', { 'aria-labelledby': 'dialog-title' }, form);
    form.addEventListener('submit', async event => {
      event.preventDefault();
      ok.disabled = true;
      try {
        await done(new FormData(form));
        dialog.close();
      } catch {
        failed.hidden = false;
        ok.disabled = false;
      }
    });
    dialog.addEventListener('close', () => dialog.remove());
    place.append(dialog);
    dialog.showModal();
  }

  /** @param {string} name @param {string} words a key @param {string} [value] */
  const typed = (name, words, value = '') => el('label', {}, say(words), fill(el('textarea', { name, required: true, maxlength: 2000, rows: 4 }), value));
  /** @param {HTMLTextAreaElement} area @param {string} value */
  const fill = (area, value) => { area.value = value; return area; };

  return {
    /** @param {(reason: string) => Promise<void>} done */
    decline(done) {
      const reasons = keys('decline_reasons').map((key, n) => el('label', { class: 'choice' }, el('input', { type: 'radio', name: 'reason', value: key, checked: n === 0 }), label('decline_reasons', key)));
      const other = el('label', {}, say('field.decline.other'), el('input', { name: 'other', maxlength: 500 }));
      ask('field.decline.title', [...reasons, other], 'field.decline.send', data => done(String(data.get('other')).trim() || String(data.get('reason'))));
    },
    /** @param {() => Promise<void>} done */
    clear: done => ask('field.clear.title', [], 'field.act.clear', done),
    /** @param {string} text what it begins with @param {(text: string) => Promise<void>} done */
    message: (text, done) => ask('field.act.message', [typed('text', 'field.text', text)], 'field.send', data => done(String(data.get('text')))),
    /** @param {FieldAct | null} before what it begins with @param {(given: Partial<FieldAct>) => Promise<void>} done */
    report(before, done) {
      const options = keys('incident_kinds').filter(key => key !== 'panic').map(key => el('option', { value: key, selected: key === before?.what }, label('incident_kinds', key)));
      /** @type {{ lon?: number, lat?: number }} */
      const where = before?.lon === undefined ? {} : { lon: before.lon, lat: before.lat };
      const told = el('p', { class: 'note', 'aria-live': 'polite' }, where.lon === undefined ? say('field.place.none') : say('field.place.known'));
      const here = el('button', { type: 'button', class: 'secondary', onclick: () => {
        told.textContent = say('field.place.asking');
        navigator.geolocation.getCurrentPosition(
          ({ coords }) => { Object.assign(where, { lon: coords.longitude, lat: coords.latitude }); told.textContent = say('field.place.known'); },
          () => { told.textContent = say('field.place.failed'); },
          { enableHighAccuracy: true, timeout: 15_000, maximumAge: 30_000 });
      } }, say('field.place.here'));
      const address = el('label', {}, say('field.place.address'), el('input', { name: 'address', maxlength: 500, value: before?.address ?? '' }));
      const kind = el('label', {}, say('field.what'), el('select', { name: 'what' }, ...options));
      ask('field.act.report', [kind, typed('text', 'field.text', before?.text), here, told, address], 'field.send', data => {
        const said = String(data.get('address')).trim();
        return done({ what: String(data.get('what')), text: String(data.get('text')), ...where, ...(said ? { address: said } : {}) });
      });
    },
  };
}
