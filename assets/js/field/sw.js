// Keeps the page of a unit's phone, so that it opens without a network. What the API answers is never kept here: the page says itself how old
// what it shows is. The server writes `self.SHELL` above this: version, address of the page, files.
const worker = /** @type {any} */ (self);
const { version, page, files } = worker.SHELL;
const PREFIX = 'onemap-field-';
const NAME = PREFIX + version;
const LATE_MS = 4000;

async function fill() {
  const cache = await caches.open(NAME);
  await cache.addAll(files.map(/** @param {string} file */ file => new Request(file, { cache: 'no-cache' })));
  await worker.skipWaiting();
}

async function tidy() {
  const names = await caches.keys();
  await Promise.all(names.filter(name => name.startsWith(PREFIX) && name !== NAME).map(name => caches.delete(name)));
  await worker.clients.claim();
}

/**
 * The network first for the page itself, so that whoever was put out comes to the log-in; what is kept where there is no answer, a late one, or one
 * of somebody who stands before a server that is away.
 * @param {Request} request
 */
async function opened(request) {
  const kept = await caches.match(page, { cacheName: NAME });
  if (!kept) return fetch(request);
  const late = new Promise(resolve => { setTimeout(resolve, LATE_MS, kept); });
  const asked = fetch(request).then(answer => (answer.status >= 500 ? kept : answer), () => kept);
  return Promise.race([asked, late]);
}

/** @param {Request} request */
const held = async request => (await caches.match(request, { cacheName: NAME })) ?? fetch(request);

worker.addEventListener('install', /** @param {any} event */ event => event.waitUntil(fill()));
worker.addEventListener('activate', /** @param {any} event */ event => event.waitUntil(tidy()));
worker.addEventListener('fetch', /** @param {any} event */ event => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== 'GET' || origin !== location.origin) return;
  if (pathname === page) event.respondWith(opened(request));
  else if (files.includes(pathname)) event.respondWith(held(request));
});
