// Colours and other tokens of the theme, read from the CSS variables: map, chart and page share one source.
let cache = new Map();

export function token(name) {
  if (!cache.has(name)) {
    const value = getComputedStyle(document.documentElement).getPropertyValue(name.startsWith('--') ? name : `--${name}`).trim();
    cache.set(name, value);
  }
  return cache.get(name);
}

export const forget = () => { cache = new Map(); };

export const LEVELS = [1, 2, 3, 4];
export const levelInk = level => token(`level-${level}-ink`);
export const levelColour = level => token(`level-${level}`);
