// A picture at full size, in a modal dialog of its own; and what stands in its place where it cannot be read.
import { el } from './dom.mjs';
import { both, say } from './words.mjs';

let dialog = null;

function make() {
  const close = el('button', { type: 'button', class: 'icon-button', onclick: () => dialog.close() }, el('span', { class: 'icon icon-close' }), el('span', { class: 'tip' }, both('card.picture.close')));
  const made = el('dialog', { id: 'picture', onclick: () => dialog.close() }, el('img', {}), close);
  document.body.append(made);
  return made;
}

export const pictureIsOpen = () => Boolean(dialog?.open);

export function showPicture(address) {
  dialog = dialog || make();
  dialog.setAttribute('aria-label', say('card.picture'));
  const image = dialog.querySelector('img');
  image.src = address;
  image.alt = say('card.picture');
  dialog.showModal();
}

/** What happens to images does not bubble: it is caught on its way down. A card drawn anew may keep the element. */
export function startPictures() {
  for (const what of ['load', 'error']) {
    document.addEventListener(what, ({ target }) => target.closest?.('.picture')?.toggleAttribute('data-failed', what === 'error'), true);
  }
}
