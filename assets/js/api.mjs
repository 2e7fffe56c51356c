// Calls to the API. A problem (RFC 9457) becomes an ApiError whose message is its detail.
export class ApiError extends Error {
  /** @param {number} status @param {{ detail?: string, title?: string, field?: string, reason?: string }} problem */
  constructor(status, problem) {
    super(problem.detail || problem.title || String(status));
    this.status = status;
    this.problem = problem;
  }
}

/** What a person is told of a failure: the server's words, or nothing where it never came so far. @param {unknown} error */
export const wordsOf = error => (error instanceof ApiError ? error.message : null);

/** Why, in both languages, where the catalogue has words for the reason. @param {unknown} error @param {Texts} catalogue */
export const reasonIn = (error, catalogue) => (error instanceof ApiError ? catalogue[`error.${error.problem.reason}`] ?? null : null);

/** Where the session has ended the page goes to the log-in and comes back afterwards. */
export function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search + location.hash)}&why=ended`);
}

/** The body of an answer that is there or to come. @param {Response | Promise<Response>} asking @returns {Promise<any>} */
export async function answer(asking) {
  const response = await asking;
  if (response.status === 401) toLogin();
  const json = (response.headers.get('content-type') || '').includes('json');
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
