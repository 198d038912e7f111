// Which pages of a dump need not be kept twice: those that are not compressed, and those that are compressed
// to the same bytes again.
import { CodedFinder } from '../container/coded-finder.js';
import type { CodedRuns } from '../container/coded-runs.js';
import type { OnCompared } from '../container/lazy-container.js';
import { RunTable } from '../container/run-table.js';
import type { KdumpPageMap } from './bitmaps.js';
import type { KdumpPages } from './pages.js';

/** Between two turns of the event loop: some 10 ms. */
const PAGES_PER_TURN = 100;
const MAX_RUNS = 1 << 20;

/** Places of pages in the file. */
export interface ReproducedPages {
  readonly runs: RunTable;
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
 * Read all pages of a dump and compress them. Reproduced are zlib's pages of up to 16 KiB at level 1, and
 * those of liblzo2 and snappy, as QEMU and makedumpfile write them. @throws PageferryError `bad-image`, `io`
 */
export async function findReproduced(dump: DumpPages): Promise<ReproducedPages> {
  const { map, blockBytes } = dump;
  const finder = new Finder(dump);
  let index = 0;
  for (let range = 0; range < map.ranges.length; range++) {
    const page = map.ranges.page(range);
    const position = map.ranges.position(range);
    const count = (map.ranges.end(range) - position) / blockBytes;
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
  private readonly runs = new RunTable();
  private readonly coded: CodedFinder;
  /** End of the bytes of the file that a page was found in: several pages can share theirs. */
  private end = 0;

  constructor(private readonly dump: DumpPages) {
    this.coded = new CodedFinder(dump.blockBytes);
  }

  add(index: number, position: number): void {
    const { dump, coded, runs } = this;
    const { offset, bytes, compression } = dump.pages.stored(index);
    const at = dump.locate(offset, bytes.length);
    if (at === undefined || at < this.end) return;
    if (!compression) {
      if (runs.length >= MAX_RUNS) return;
      runs.append(at, bytes.length, position);
    } else if (!coded.add(compression, bytes, at, position)) return;
    this.end = at + bytes.length;
  }

  result(): ReproducedPages {
    return { runs: this.runs, coded: this.coded.result() };
  }
}
