// A picture at full size, in a modal dialog of its own; and what stands in its place where it cannot be read.
import { around, el } from './dom.mjs';

/** @param {Words} words */
export function makePictures({ both, say }) {
  /** @type {{ dialog: HTMLDialogElement, image: HTMLImageElement, old: HTMLElement } | null} */
  let made = null;

  function make() {
    const shut = () => dialog.close();
    const image = el('img', {});
    const tip = el('span', { class: 'tip' }, both('card.picture.close'));
    const close = el('button', { type: 'button', class: 'icon-button', onclick: shut }, el('span', { class: 'icon icon-close' }), tip);
    const old = el('strong', { class: 'not-live', hidden: true });
    const dialog = el('dialog', { id: 'picture', onclick: shut }, image, old, close);
    document.body.append(dialog);
    return { dialog, image, old };
  }

  return {
    isOpen: () => Boolean(made?.dialog.open),

    /** @param {string} address @param {string} [taken] when, of a camera's last picture */
    show(address, taken) {
      made ??= make();
      made.dialog.setAttribute('aria-label', say('card.picture'));
      made.image.src = address;
      made.image.alt = say('card.picture');
      if (taken) made.old.dataset.pictured = taken;
      else delete made.old.dataset.pictured;
      made.old.hidden = true;
      made.dialog.showModal();
    },
  };
}

/** What happens to images does not bubble: it is caught on its way down. A card drawn anew may keep the element. */
export function watchPictures() {
  for (const what of ['load', 'error']) {
    document.addEventListener(what, event => around(event, '.picture')?.toggleAttribute('data-failed', what === 'error'), true);
  }
}
