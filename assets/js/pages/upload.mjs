// A file on its way to the server: dropped on a place that says so (`data-upload`) or chosen there, sent as it is, with its progress. What
// the server calls it goes to a store of the page; what comes of it is the page's.
import { ApiError, toLogin, whyOf } from '../api.mjs';

const taken = new WeakSet();

/** @typedef {{ url: string, into: string, layer: string | null }} Upload */

/** @param {XMLHttpRequest} request @returns {any} its JSON, or nothing */
function bodyOf(request) {
  try { return JSON.parse(request.responseText); } catch { return {}; }
}

/**
 * @param {string} url @param {File} file @param {() => boolean} wanted whether anybody still waits for it
 * @param {(share: number) => void} told
 * @returns {Promise<any>} the server's answer; nothing where nobody waited for it any more
 */
function sendFile(url, file, wanted, told) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', `${url}?${new URLSearchParams({ name: file.name.slice(-255) })}`);
    request.setRequestHeader('content-type', 'application/octet-stream');
    request.setRequestHeader('accept', 'application/json');
    request.upload.addEventListener('progress', event => {
      if (!wanted()) request.abort();
      else told(event.total ? event.loaded / event.total : 0);
    });
    request.addEventListener('abort', () => resolve(null));
    request.addEventListener('error', () => reject(new TypeError('network')));
    request.addEventListener('load', () => {
      if (request.status === 401) toLogin();
      if (request.status >= 200 && request.status < 300) resolve(bodyOf(request));
      else reject(new ApiError(request.status, bodyOf(request)));
    });
    request.send(file);
  });
}

/** @param {HTMLElement} place @param {Texts} catalogue */
function takeAt(place, catalogue) {
  /** @type {Upload} */
  const { url, into, layer } = JSON.parse(place.dataset.upload ?? '{}');
  const bar = /** @type {HTMLProgressElement} */ (place.querySelector('progress'));
  const told = /** @type {HTMLElement} */ (place.querySelector('.upload-told'));
  const button = /** @type {HTMLButtonElement} */ (place.querySelector('button'));
  const input = document.createElement('input');
  input.type = 'file';
  input.hidden = true;
  place.after(input);

  const chosen = () => place.dataset.target ?? null;
  /** @param {Bilingual} text */
  const say = text => told.replaceChildren(.../** @type {Lang[]} */ (['zh', 'en']).map(lang => Object.assign(document.createElement('span'), { lang, textContent: text[lang] })));

  /** @param {File | undefined} file */
  async function take(file) {
    if (!file || button.disabled) return;
    button.disabled = true;
    bar.hidden = false;
    told.textContent = file.name;
    try {
      const answer = await sendFile(url, file, () => place.isConnected, share => {
        bar.value = share;
        if (share >= 1) say(catalogue['bring.reading']);
      });
      if (answer && place.isConnected) window.dash_clientside.set_props(into, { data: { id: answer.id, layer, target: chosen() } });
    } catch (error) {
      say(whyOf(error, catalogue));
      bar.hidden = true;
      button.disabled = false;
    }
  }
  button.addEventListener('click', () => input.click());
  input.addEventListener('change', () => take(input.files?.[0]));
  place.addEventListener('dragover', event => { event.preventDefault(); place.dataset.over = '1'; });
  place.addEventListener('dragleave', () => delete place.dataset.over);
  place.addEventListener('drop', event => {
    event.preventDefault();
    delete place.dataset.over;
    take(event.dataTransfer?.files[0]);
  });
}

/** Every place of the page that takes a file, once. @param {Texts} catalogue */
export function takeFiles(catalogue) {
  for (const place of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll('[data-upload]'))) {
    if (taken.has(place)) continue;
    taken.add(place);
    takeAt(place, catalogue);
  }
}
