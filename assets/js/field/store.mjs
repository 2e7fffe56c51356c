// What a phone keeps: acts in the order in which they happened, until they are answered and after; and the last picture of its unit.

const NAME = 'onemap-field';
const ACTS = 'acts';
const KEPT = 'kept';
/** So many answered entries stay to be read. */
const ANSWERED = 30;

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
const result = request =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Written to the disk, and not only asked for. @param {IDBTransaction} transaction @returns {Promise<void>} */
const committed = transaction =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });

/** @returns {Promise<IDBDatabase>} */
function open() {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore(ACTS, { keyPath: 'seq', autoIncrement: true });
    opening.result.createObjectStore(KEPT);
  };
  return result(opening);
}

/** What keeps nothing beyond the page, for a browser that does not let us. */
export function passingStore() {
  /** @type {Map<number, FieldEntry>} */
  const entries = new Map();
  /** @type {Map<string, unknown>} */
  const kept = new Map();
  const last = { seq: 0 };
  return {
    lasting: false,
    all: () => Promise.resolve([...entries.values()]),
    /** @param {FieldAct} act */
    add(act) {
      last.seq += 1;
      entries.set(last.seq, { seq: last.seq, act, state: 'waiting' });
      return Promise.resolve();
    },
    /** @param {FieldEntry[]} changed */
    settle(changed) {
      for (const entry of changed) entries.set(/** @type {number} */ (entry.seq), entry);
      return Promise.resolve();
    },
    /** @param {number} seq */
    drop(seq) {
      entries.delete(seq);
      return Promise.resolve();
    },
    /** @param {string} key @returns {Promise<any>} */
    kept: key => Promise.resolve(kept.get(key)),
    /** @param {string} key @param {unknown} value */
    keep(key, value) {
      kept.set(key, value);
      return Promise.resolve();
    },
  };
}

/** @returns {Promise<ReturnType<typeof passingStore>>} */
export async function openStore() {
  /** @type {IDBDatabase} */
  let db;
  try {
    db = await open();
  } catch {
    return passingStore();
  }

  /** @param {string} name @param {(store: IDBObjectStore) => void} work */
  async function write(name, work) {
    const transaction = db.transaction(name, 'readwrite', { durability: 'strict' });
    work(transaction.objectStore(name));
    await committed(transaction);
  }

  /** All entries, the oldest first. @returns {Promise<FieldEntry[]>} */
  const all = () => result(db.transaction(ACTS).objectStore(ACTS).getAll());

  /** The oldest answered entries go. */
  async function tidy() {
    const done = (await all()).filter(entry => entry.state === 'done');
    const old = done.slice(0, Math.max(0, done.length - ANSWERED));
    if (old.length) await write(ACTS, store => { for (const { seq } of old) store.delete(/** @type {number} */ (seq)); });
  }

  return {
    lasting: true,
    all,
    /** Rejects where it could not be written, so that the person is told. @param {FieldAct} act */
    add: act => write(ACTS, store => store.add({ act, state: 'waiting' })),
    /** What came of entries. @param {FieldEntry[]} entries */
    async settle(entries) {
      await write(ACTS, store => { for (const entry of entries) store.put(entry); });
      await tidy();
    },
    /** @param {number} seq */
    drop: seq => write(ACTS, store => store.delete(seq)),
    /** @param {string} key @returns {Promise<any>} */
    kept: key => result(db.transaction(KEPT).objectStore(KEPT).get(key)),
    /** @param {string} key @param {unknown} value */
    keep: (key, value) => write(KEPT, store => store.put(value, key)),
  };
}
