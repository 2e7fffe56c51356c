// Calls to the API. A problem (RFC 9457) becomes an ApiError whose message is its detail.
import { fill } from './words.mjs';

export class ApiError extends Error {
  /** @param {number} status @param {{ detail?: string, title?: string, field?: string, reason?: string, about?: Texts }} problem */
  constructor(status, problem) {
    super(problem.detail || problem.title || String(status));
    this.status = status;
    this.problem = problem;
  }
}

/**
 * Why an action failed, in both languages: by the reason, with what it is about (`about` of the problem). What never reached the server
 * may have happened all the same.
 * @param {unknown} error
 * @param {Texts} catalogue
 * @returns {Bilingual}
 */
export function whyOf(error, catalogue) {
  const { reason, about } = error instanceof ApiError ? error.problem : { reason: null, about: {} };
  const known = reason === null ? catalogue['toast.network'] : catalogue[`error.${reason}`] ?? catalogue[`reason.${reason}`];
  const text = known ?? catalogue['error.error'];
  return { zh: fill(text?.zh ?? '', about ?? {}, 'zh'), en: fill(text?.en ?? '', about ?? {}, 'en') };
}

/** Where the session has ended the page goes to the log-in and comes back afterwards. */
export function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}&why=ended`);
}

/** The body of an answer that is there or to come. @param {Response | Promise<Response>} asking @returns {Promise<any>} */
export async function answer(asking) {
  const response = await asking;
  if (response.status === 401) toLogin();
  const json = response.status !== 204 && (response.headers.get('content-type') || '').includes('json');
  const body = json ? await response.json() : {};
  if (!response.ok) throw new ApiError(response.status, body);
  return body;
}

/** @param {string} url @param {AbortSignal} [signal] */
export const get = (url, signal) => answer(fetch(url, { signal, headers: { accept: 'application/json' } }));

/**
 * All of a list: its first page and those after it.
 * @template T
 * @param {{ items: T[], next: string | null }} page
 * @param {string} url of the list, without a query
 * @returns {Promise<T[]>}
 */
export async function rest({ items, next }, url) {
  const all = [...items];
  for (let cursor = next; cursor; ) {
    const page = await get(`${url}?${new URLSearchParams({ cursor })}`);
    all.push(...page.items);
    cursor = page.next;
  }
  return all;
}

/** @param {string} method @param {string} url @param {unknown} [body] */
export const send = (method, url, body) =>
  answer(fetch(url, { method, headers: { 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify(body ?? {}) }));
