// What is true now: one collection per kind of the live channel. Listeners hear of changes in batches.
const BATCH_MS = 50;

class Collection {
  constructor() {
    this.items = new Map();
    this.listeners = new Set();
    this.known = false;
    this.pending = null;
  }

  get(id) { return this.items.get(String(id)); }
  all() { return [...this.items.values()]; }

  /** `listener({changed, removed, added, whole})`: sets of ids; `whole` after a snapshot. */
  on(listener) {
    this.listeners.add(listener);
    if (this.known) listener({ changed: new Set(this.items.keys()), removed: new Set(), added: new Set(), whole: true });
  }

  snapshot(items) {
    this.items = new Map(items.map(item => [String(item.id), item]));
    this.known = true;
    this.batch().whole = true;
  }

  upsert(items) {
    const batch = this.batch();
    for (const item of items) {
      const id = String(item.id);
      if (!this.items.has(id)) batch.added.add(id);
      this.items.set(id, { ...this.items.get(id), ...item });
      batch.changed.add(id);
      batch.removed.delete(id);
    }
  }

  remove(items) {
    const batch = this.batch();
    for (const { id } of items) {
      this.items.delete(String(id));
      batch.removed.add(String(id));
      batch.changed.delete(String(id));
    }
  }

  batch() {
    if (!this.pending) {
      this.pending = { changed: new Set(), removed: new Set(), added: new Set(), whole: false };
      setTimeout(() => this.flush(), BATCH_MS);
    }
    return this.pending;
  }

  flush() {
    const batch = this.pending;
    this.pending = null;
    for (const listener of this.listeners) listener(batch);
  }
}

export const live = Object.fromEntries(['alarm', 'incident', 'unit', 'sensor', 'risk_cell', 'video_event', 'health'].map(kind => [kind, new Collection()]));
