// The words of this page, once they have come. (A page still put together by module state; the One Map page is not.)
import { makeWords } from '../words.mjs';

/** @type {ReturnType<typeof makeWords>} */
let words = makeWords({}, 'UTC');
export const page = { me: null, vocabulary: {} };

export function setUp(catalogue, zone) { words = makeWords(catalogue, zone); }

export { pair, figure, pageLang as lang } from '../words.mjs';
export const say = (...parts) => words.say(...parts);
export const both = (...parts) => words.both(...parts);
export const plain = text => words.plain(text);
export const duration = seconds => words.duration(seconds);
export const ago = iso => words.ago(iso);
export const moment = iso => words.moment(iso);
