// Colours and other tokens of the theme, read from the CSS variables: map, chart and page share one source.
// What the one document's style says, kept until `forget`: nothing but a cache.
/** @type {Map<string, string>} */
const cache = new Map();

/** @param {string} name */
export function token(name) {
  const held = cache.get(name);
  if (held !== undefined) return held;
  const value = getComputedStyle(document.documentElement).getPropertyValue(name.startsWith('--') ? name : `--${name}`).trim();
  cache.set(name, value);
  return value;
}

/** The theme or a width has changed. */
export const forget = () => cache.clear();

/** @type {Level[]} */
export const LEVELS = [1, 2, 3, 4];
export const ROMAN = ['', 'I', 'II', 'III', 'IV'];
/** @param {number | string} level */
export const levelInk = level => token(`level-${level}-ink`);
/** @param {number | string} level */
export const levelColour = level => token(`level-${level}`);
