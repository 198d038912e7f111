import type { IndexEntry } from '../../stream/format.js';
import { writeIndexEntry } from '../../stream/records.js';
import { WireWriter } from '../../stream/wire.js';

/** Maximum entries of an index record; its head stays well below the limit of a record. */
const MAX_ENTRIES = 10_000;

/** Collects the entries of a stream's index, and divides them into records. */
export class IndexCollector {
  private readonly entries: IndexEntry[] = [];

  add(entry: IndexEntry): void {
    this.entries.push(entry);
  }

  /** Return the heads of the index records, in order. */
  *recordHeads(): Generator<Uint8Array> {
    for (let first = 0; first < this.entries.length; first += MAX_ENTRIES) {
      const head = new WireWriter();
      for (const entry of this.entries.slice(first, first + MAX_ENTRIES)) writeIndexEntry(head, entry);
      yield head.bytes;
    }
  }
}
