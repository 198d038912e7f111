import type { PageSink } from '../../page/source.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import type { TableReader } from '../../stream/table.js';
import type { PageReaderMemory } from './reader-memory.js';
import type { StreamIndex } from './stream-index.js';

/** Images are divided into parts of this many bytes. */
const PART_BYTES = 1 << 20;

/** Numbers of the parts of an image that pages refer to; `all`: any part may be referred to. */
type Parts = Set<number> | 'all';

/**
 * Read the tables of all frames and return the parts that pages refer to, by image. A page that is coded
 * against the parent counts as a reference to all of the parent. A damaged table counts as a reference to
 * everything: the decoder will report the damage.
 */
export async function referencedParts(
  memory: PageReaderMemory,
  index: StreamIndex,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<number, Parts>> {
  const { frames, data, slots } = memory;
  const found = new Map<number, Parts>();
  const { pageBytes, maxFrameBytes } = index.header;
  const yieldIfDue = createYielder();
  const into = slots.kernels.bytes.subarray(data, data + maxFrameBytes);
  for (const { record, frames: entries } of index.images) {
    const { parent } = record;
    for (const entry of entries) {
      await yieldIfDue();
      throwIfAborted(signal);
      try {
        const { head, dataBytes } = index.readFrame(entry, into, true);
        frames.open(head, data, dataBytes, parent ?? 0, '');
        if (addReferences(found, frames.table!, head.pageCount, pageBytes) && parent !== undefined)
          found.set(parent, 'all');
      } catch {
        for (let image = 0; image < index.images.length; image++) found.set(image, 'all');
        return found;
      }
    }
  }
  return found;
}

/** Add the references of a table. Returns whether a page needs its image's parent. */
function addReferences(
  found: Map<number, Parts>,
  table: TableReader,
  pageCount: number,
  pageBytes: number,
): boolean {
  let needsParent = false;
  for (let left = pageCount; left > 0; left--) {
    const { codec, image, page } = table.next();
    if (codec.base === 'parent') needsParent = true;
    const { reference, fill, bytes } = codec.operands;
    if (reference) {
      const parts = found.get(image) ?? new Set();
      if (parts !== 'all') parts.add(Math.floor((page * pageBytes) / PART_BYTES));
      found.set(image, parts);
    } else if (!fill && bytes !== 'own') {
      const run = table.sameRun();
      table.skip(run);
      left -= run;
    }
  }
  return needsParent;
}

/**
 * Wrap a sink so that it stores only these parts of an image; others, which are never read back, become zero.
 */
export function partialSink(sink: PageSink, parts: Parts | undefined): PageSink {
  if (parts === 'all') return sink;
  return {
    write(bytes, position) {
      for (let from = 0; from < bytes.length; ) {
        const part = Math.floor((position + from) / PART_BYTES);
        const to = Math.min(bytes.length, (part + 1) * PART_BYTES - position);
        if (parts?.has(part)) sink.write(bytes.subarray(from, to), position + from);
        else sink.zero(position + from, to - from);
        from = to;
      }
    },
    zero: (position, bytes) => sink.zero(position, bytes),
    readAt: (into, position) => sink.readAt(into, position),
    finish: (bytes) => sink.finish(bytes),
    abort: () => sink.abort(),
  };
}
