// What is true now: one collection per kind of the live channel. Listeners hear of changes in batches.
const BATCH_MS = 50;

/** @type {Kind[]} */
export const KINDS = ['alarm', 'judged', 'incident', 'unit', 'sensor', 'risk_cell', 'video_event', 'warning', 'layer', 'health'];

/** @returns {Batch} */
const emptyBatch = () => ({ changed: new Set(), removed: new Set(), added: new Set(), whole: false });

/** @template {{ id: string }} T */
export class Collection {
  /** `later` runs what it is given once a batch is to be told. @param {(tell: () => void) => void} [later] */
  constructor(later = tell => { setTimeout(tell, BATCH_MS); }) {
    /** @type {Map<string, T>} */
    this.items = new Map();
    /** @type {Set<(batch: Batch) => void>} */
    this.listeners = new Set();
    this.known = false;
    /** @type {Batch | null} */
    this.pending = null;
    this.later = later;
  }

  /** @param {string} id */
  get(id) { return this.items.get(String(id)); }
  all() { return [...this.items.values()]; }

  /**
   * `listener({changed, removed, added, whole})`: sets of ids; `whole` after a snapshot.
   * @param {(batch: Batch) => void} listener
   */
  on(listener) {
    this.listeners.add(listener);
    if (this.known) listener({ ...emptyBatch(), changed: new Set(this.items.keys()), whole: true });
  }

  /** @param {T[]} items */
  snapshot(items) {
    this.items = new Map(items.map(item => [String(item.id), item]));
    this.known = true;
    this.batch().whole = true;
  }

  /** @param {(Partial<T> & { id: string })[]} items */
  upsert(items) {
    const batch = this.batch();
    for (const item of items) {
      const id = String(item.id);
      if (!this.items.has(id)) batch.added.add(id);
      this.items.set(id, /** @type {T} */ ({ ...this.items.get(id), ...item }));
      batch.changed.add(id);
      batch.removed.delete(id);
    }
  }

  /** @param {{ id: string }[]} items */
  remove(items) {
    if (!items.length) return;
    const batch = this.batch();
    for (const item of items) {
      const id = String(item.id);
      this.items.delete(id);
      batch.removed.add(id);
      batch.changed.delete(id);
      batch.added.delete(id);
    }
  }

  /** The batch that is being gathered. @returns {Batch} */
  batch() {
    if (this.pending) return this.pending;
    this.pending = emptyBatch();
    this.later(() => this.flush());
    return this.pending;
  }

  flush() {
    const batch = this.pending ?? emptyBatch();
    this.pending = null;
    for (const listener of this.listeners) listener(batch);
  }
}

/** One collection per kind. @param {(tell: () => void) => void} [later] @returns {Live} */
export function makeLive(later) {
  return /** @type {Live} */ (Object.fromEntries(KINDS.map(kind => [kind, new Collection(later)])));
}

/**
 * The collection of a type of thing; things that the channel does not carry have none.
 * @param {Live} live
 * @param {string | undefined} type
 * @returns {Collection<any> | null}
 */
export const collectionOf = (live, type) => (type && Object.hasOwn(live, type) ? live[/** @type {Kind} */ (type)] : null);

/** Folds one message of the channel into its collection; a ping changes nothing. @param {Live} live @param {Message} message */
export function fold(live, { kind, op, items }) {
  const collection = collectionOf(live, kind);
  if (op === 'snapshot') collection?.snapshot(items);
  else if (op === 'upsert') collection?.upsert(items);
  else if (op === 'remove') collection?.remove(items);
}
