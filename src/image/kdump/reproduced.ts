// Which pages of a dump need not be kept twice: those that are not compressed, and those that are compressed
// to the same bytes again.
import { decompressPage } from '../compression/decompress.js';
import { FastDeflate, MAX_DEFLATED_BYTES } from '../compression/zlib/deflate-fast.js';
import { CodedRuns, MAX_CODED_RUNS } from '../container/coded-runs.js';
import type { OnCompared } from '../container/lazy-container.js';
import type { ContainerRun } from '../container/run-table.js';
import type { KdumpPageMap } from './bitmaps.js';
import type { KdumpPages } from './pages.js';

/** A dump of which fewer of the first pages are reproduced was made by another zlib. */
const SAMPLE_PAGES = 64;
const MIN_REPRODUCED = 32;
/** Between two turns of the event loop: some 10 ms. */
const PAGES_PER_TURN = 100;
const MAX_RUNS = 1 << 20;

/** Places of pages in the file. */
export interface ReproducedPages {
  readonly runs: ContainerRun[];
  readonly coded: CodedRuns | undefined;
}

/** Settings of {@link findReproduced}. */
export interface DumpPages {
  readonly pages: KdumpPages;
  readonly map: KdumpPageMap;
  readonly blockBytes: number;
  /** Position of bytes of the dump in the file; undefined if they are not in one piece. */
  locate(offset: number, bytes: number): number | undefined;
  /** Throws if the file was closed. */
  check(): void;
  readonly onCompared?: OnCompared | undefined;
}

/**
 * Read all pages of a dump and compress them. Reproduced are zlib's pages of up to 16 KiB at level 1, as QEMU
 * and makedumpfile write them with the zlib of most systems. @throws PageferryError `bad-image`, `io`
 */
export async function findReproduced(dump: DumpPages): Promise<ReproducedPages> {
  const { map, blockBytes } = dump;
  const finder = new Finder(dump);
  let index = 0;
  for (const { page, bytes, position } of map.ranges) {
    const count = bytes / blockBytes;
    for (let i = 0; i < count; i++) {
      if (!map.isStored(page + i)) continue;
      if (index % PAGES_PER_TURN === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        dump.check();
        dump.onCompared?.(index * blockBytes, map.storedPages * blockBytes);
      }
      finder.add(index++, position + i * blockBytes);
    }
  }
  return finder.result();
}

class Finder {
  private readonly runs: ContainerRun[] = [];
  private readonly coded: CodedRuns;
  private readonly encoder = new FastDeflate();
  private readonly page: Uint8Array;
  private readonly code: Uint8Array;
  /** End of the bytes of the file that a page was found in: several pages can share theirs. */
  private end = 0;
  private tried = 0;

  constructor(private readonly dump: DumpPages) {
    this.coded = new CodedRuns(dump.blockBytes);
    this.page = new Uint8Array(dump.blockBytes);
    this.code = new Uint8Array(2 * dump.blockBytes);
  }

  add(index: number, position: number): void {
    const { dump, coded } = this;
    const { offset, bytes, compression } = dump.pages.stored(index);
    const at = dump.locate(offset, bytes.length);
    if (at === undefined || at < this.end) return;
    if (!compression) {
      this.addRun(at, bytes.length, position);
      return;
    }
    if (compression !== 'zlib' || !this.isTried() || coded.count === MAX_CODED_RUNS) return;
    this.tried++;
    if (!this.isReproduced(bytes) || !coded.add(at, bytes.length, position)) return;
    this.end = at + bytes.length;
  }

  result(): ReproducedPages {
    const { runs, coded } = this;
    return { runs, coded: coded.count > 0 ? coded : undefined };
  }

  private addRun(offset: number, bytes: number, position: number): void {
    const last = this.runs.at(-1);
    const follows = last && last.offset + last.bytes === offset && last.position + last.bytes === position;
    if (follows) this.runs[this.runs.length - 1] = { ...last, bytes: last.bytes + bytes };
    else if (this.runs.length < MAX_RUNS) this.runs.push({ offset, bytes, position });
    else return;
    this.end = offset + bytes;
  }

  private isTried(): boolean {
    if (this.dump.blockBytes > MAX_DEFLATED_BYTES) return false;
    return this.tried < SAMPLE_PAGES || this.coded.count >= MIN_REPRODUCED;
  }

  private isReproduced(bytes: Uint8Array): boolean {
    const { page, code, encoder } = this;
    if (!decompressPage('zlib', bytes, page)) return false;
    const count = encoder.encode(page, code);
    return count === bytes.length && Buffer.compare(code.subarray(0, count), bytes) === 0;
  }
}
