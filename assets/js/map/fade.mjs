// How strongly a layer is drawn: which of its properties carry that, and their designed values times a share.
/** @type {Record<string, string[]>} */
const OPACITY = {
  fill: ['fill-opacity'], line: ['line-opacity'], circle: ['circle-opacity', 'circle-stroke-opacity'], symbol: ['icon-opacity', 'text-opacity'], raster: ['raster-opacity'],
};

/** @param {string} type */
export const opacitiesOf = type => OPACITY[type] ?? [];

/**
 * A value or an expression times a share. A zoom curve may stand only at the top of an expression: its outputs are scaled one by one.
 * @param {Expression} value
 * @param {number} share
 * @returns {Expression}
 */
export function scaled(value, share) {
  if (!Array.isArray(value)) return value * share;
  const [kind] = value;
  const curve = kind === 'interpolate' && JSON.stringify(value[2]) === '["zoom"]';
  return curve ? value.map((part, index) => (index > 3 && index % 2 === 0 ? scaled(part, share) : part)) : ['*', value, share];
}
