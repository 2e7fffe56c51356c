// Calls to the API. A problem (RFC 9457) becomes an ApiError whose message is its detail.
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || String(status));
    Object.assign(this, { status, problem });
  }
}

/** Where the session has ended the page goes to the log-in and comes back afterwards. */
export function toLogin() {
  location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
}

async function answer(response) {
  if (response.status === 401) toLogin();
  const json = (response.headers.get('content-type') || '').includes('json');
  const body = json ? await response.json() : {};
  if (!response.ok) throw new ApiError(response.status, body);
  return body;
}

/** What the page asked for before this module was there, once. */
function early(url) {
  const asked = window.onemap.asked.get(url);
  window.onemap.asked.delete(url);
  return asked;
}

export const get = async (url, signal) => answer(await (early(url) || fetch(url, { signal, headers: { accept: 'application/json' } })));

export const send = async (method, url, body) =>
  answer(await fetch(url, { method, headers: { 'content-type': 'application/json', accept: 'application/json' }, body: JSON.stringify(body ?? {}) }));
