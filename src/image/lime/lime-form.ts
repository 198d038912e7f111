import { PageferryError } from '../../page/error.js';
import { lastAtOrBelow } from '../../page/search.js';
import type { PageSink } from '../../page/source.js';
import type { MemoryRange, MemoryRanges } from '../container/range-table.js';
import { checkPhysical, type OutputForm, type OutputMemory, physicalRanges } from '../output-form.js';
import { HEAD_BYTES, LIME, MAX_RANGES } from './ranges.js';

/** A LiME dump, version 1. */
export const limeForm: OutputForm = {
  name: 'lime',
  extension: 'lime',
  summary: 'LiME dump of its physical memory',
  create: createLimeSink,
};

/**
 * Create a sink that writes a head before the bytes of each range.
 * @throws PageferryError `unsupported`, `limit`
 */
function createLimeSink(file: PageSink, memory: OutputMemory): PageSink {
  const { name, ranges } = memory;
  checkPhysical(memory);
  if (ranges.length > MAX_RANGES)
    throw new PageferryError(
      'limit',
      `${name}: ${ranges.length} ranges of addresses; a LiME dump has at most ${MAX_RANGES}`,
    );
  const starts = startsOf(ranges);
  /** Call `visit` with the parts of bytes that are in one range, and where each is in the file. */
  const forEachPart = (
    position: number,
    bytes: number,
    visit: (from: number, to: number, at: number) => void,
  ) => {
    for (let from = 0, i = lastAtOrBelow(starts, position); from < bytes; i++) {
      const end = i + 1 < starts.length ? starts[i + 1]! : Infinity;
      const to = Math.min(bytes, end - position);
      visit(from, to, position + from + (i + 1) * HEAD_BYTES);
      from = to;
    }
  };
  /** Heads are written before what follows them, so that small ranges are written together. */
  const heads = new Heads(file);
  const known = ranges[Symbol.iterator]();
  const writeHeadsTo = (at: number) => {
    while (heads.end <= at) {
      const { value, done } = known.next();
      if (done) return;
      heads.write(value);
    }
  };
  return {
    write(bytes, position) {
      forEachPart(position, bytes.length, (from, to, at) => {
        writeHeadsTo(at);
        file.write(bytes.subarray(from, to), at);
      });
    },
    zero(position, bytes) {
      forEachPart(position, bytes, (from, to, at) => file.zero(at, to - from));
    },
    readAt(into, position) {
      let count = 0;
      forEachPart(position, into.length, (from, to, at) => {
        count += file.readAt(into.subarray(from, to), at);
      });
      return count;
    },
    async finish(bytes) {
      const all = physicalRanges(memory, bytes);
      writeHeadsTo(Infinity);
      if (ranges.length === 0) for (const range of all) heads.write(range);
      await file.finish(bytes + all.length * HEAD_BYTES);
    },
    abort: () => file.abort(),
  };
}

/** Start of each range in the image; one range if none are known. */
function startsOf(ranges: MemoryRanges): Float64Array {
  const starts = new Float64Array(Math.max(1, ranges.length));
  let i = 0;
  let end = 0;
  for (const { bytes } of ranges) {
    starts[i++] = end;
    end += bytes;
  }
  return starts;
}

/** Writes the heads of ranges, one after the other. */
class Heads {
  /** Where the next one is in the file. */
  end = 0;

  constructor(private readonly file: PageSink) {}

  write(range: MemoryRange): void {
    this.file.write(headOf(range), this.end);
    this.end += HEAD_BYTES + range.bytes;
  }
}

function headOf({ address, bytes }: MemoryRange): Uint8Array {
  const head = new Uint8Array(HEAD_BYTES);
  const view = new DataView(head.buffer);
  head.set(new TextEncoder().encode(LIME.magic));
  view.setUint32(4, LIME.version, true);
  view.setBigUint64(8, address, true);
  view.setBigUint64(16, address + BigInt(bytes) - 1n, true);
  return head;
}
