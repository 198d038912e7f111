import { badArgument, PageferryError } from '../../page/error.js';
import { unknownSnapshot } from '../errors.js';
import { packFileName } from '../format.js';
import type { FramePlace } from '../frame-record.js';
import { ZERO_FRAME } from '../limits.js';
import { decodeManifest } from '../manifest.js';
import { PackFiles } from '../pack-files.js';
import type { PageRuns } from '../page-runs.js';
import type { SnapshotInfo } from '../snapshot-info.js';
import { snapshotNamed } from '../snapshot-name.js';
import type { StoreContext } from '../store-context.js';
import { createFrameCache, type FrameCounters } from './frame-cache.js';
import { PageDecoder } from './page-decoder.js';

const DEFAULT_CACHE_BYTES = 32 << 20;
/** Attempts to open the packs of a snapshot: `gc` of another program can move its frames meanwhile. */
const MAX_TRIES = 5;

/** Options of reading snapshots. */
export interface ReadOptions {
  /** Memory for unpacked frames, shared by all snapshots; default 32 MiB. */
  readonly cacheBytes?: number;
}

/** Snapshots that are open together, with one cache. Reads are synchronous. */
export interface OpenSnapshots {
  readonly images: readonly SnapshotImage[];
  counters(): FrameCounters;
  close(): void;
}

/**
 * Open snapshots for reading, with all their packs: later `rm` and `gc` do not affect them.
 * @throws PageferryError `bad-argument` for a name that is not there, `bad-stream`, `io`
 */
export async function openSnapshots(
  store: StoreContext,
  names: readonly string[],
  { cacheBytes = DEFAULT_CACHE_BYTES }: ReadOptions = {},
): Promise<OpenSnapshots> {
  const { pageBytes, frameBytes } = store.config;
  const { places, found, packs } = findFrames(store, names);
  const { frameCipher: cipher } = store.secrets;
  const cache = await createFrameCache({ packs, cipher, pageBytes, frameBytes, cacheBytes });
  const decoder = new PageDecoder(cache, (id) => places.find(id), pageBytes);
  return {
    images: found.map(({ info, runs }) => new SnapshotImage(info, runs, decoder, pageBytes)),
    counters: () => cache.counters,
    close: () => packs.close(),
  };
}

/** A snapshot's description and pages. */
interface Found {
  readonly info: SnapshotInfo;
  readonly runs: PageRuns;
}

/** Look up all frames of the snapshots in one state of the database, and open their packs. */
export function findFrames(store: StoreContext, names: readonly string[]) {
  for (let tries = 1; ; tries++) {
    store.db.refresh();
    const found = names.map((name) => findSnapshot(store, name));
    const places = new FramePlaces(store);
    for (const { runs } of found) places.add(runs);
    const packs = new PackFiles(store.dir);
    let missing: number | undefined;
    try {
      missing = [...places.packs].find((pack) => !packs.open(pack));
      if (missing === undefined) return { found, places, packs };
    } catch (cause) {
      packs.close();
      throw cause;
    }
    packs.close();
    if (tries === MAX_TRIES)
      throw new PageferryError(
        'bad-stream',
        `${store.dir}: ${packFileName(missing)} does not exist; run store check`,
      );
  }
}

function findSnapshot(store: StoreContext, name: string): Found {
  const info = snapshotNamed(store.db, name);
  const manifest = info && store.db.manifest(name);
  if (!manifest) throw unknownSnapshot(store.dir, name);
  const runs = decodeManifest(name, manifest);
  if (runs.pages !== Math.ceil(info.bytes / store.config.pageBytes))
    throw new PageferryError('bad-stream', `snapshot ${name}: ${runs.pages} pages for ${info.bytes} bytes`);
  return { info, runs };
}

/** Positions of the frames of some snapshots, and of the frames of their base pages. */
class FramePlaces {
  readonly packs = new Set<number>();
  private readonly places = new Map<number, FramePlace>();

  constructor(private readonly store: StoreContext) {}

  add(runs: PageRuns): void {
    for (const id of runs.frameIds()) for (const { baseFrame } of this.addFrame(id)) this.addFrame(baseFrame);
  }

  /** Ids of all frames, in ascending order. */
  ids(): readonly number[] {
    return [...this.places.keys()].sort((a, b) => a - b);
  }

  find(id: number): FramePlace {
    const place = this.places.get(id);
    if (!place) throw new PageferryError('bad-stream', `frame ${id}: is not in the store; run store check`);
    return place;
  }

  private addFrame(id: number) {
    if (this.places.has(id)) return [];
    const record = this.store.db.frame(id);
    if (!record) return []; // reading one of its pages fails
    const { pack, offset, bytes, deltas } = record;
    this.places.set(id, { pack, offset, bytes });
    this.packs.add(pack);
    return deltas;
  }
}

/** A snapshot for reads at any position. */
export class SnapshotImage {
  /** The run that was read last. */
  private lastRun = 0;

  constructor(
    readonly info: SnapshotInfo,
    private readonly runs: PageRuns,
    private readonly decoder: PageDecoder,
    private readonly pageBytes: number,
  ) {}

  get name(): string {
    return this.info.name;
  }

  get bytes(): number {
    return this.info.bytes;
  }

  /**
   * Fill `out` with the bytes from `offset` on, all of which the image has. After an error the content of
   * `out` is undefined.
   * @throws PageferryError `bad-stream` that names the damaged frame, `io`
   */
  read(out: Uint8Array, offset: number): void {
    this.check(offset, out.length);
    const { pageBytes } = this;
    for (let done = 0; done < out.length; ) {
      const at = offset + done;
      const page = Math.floor(at / pageBytes);
      const run = this.runOf(page);
      const frame = this.runs.frames[run]!;
      if (frame === ZERO_FRAME) {
        const end = Math.min(out.length, this.runs.end(run) * pageBytes - offset);
        out.fill(0, done, end);
        done = end;
        continue;
      }
      const within = at - page * pageBytes;
      const wanted = within + out.length - done;
      const pages = Math.min(this.runs.end(run) - page, Math.ceil(wanted / pageBytes));
      const slot = this.runs.slotOf(run, page);
      const content = this.decoder.decode(frame, slot, pages);
      const bytes = Math.min(content.length - within, out.length - done);
      out.set(bytes === content.length ? content : content.subarray(within, within + bytes), done);
      done += bytes;
    }
  }

  /** Return the length of a run of zero bytes or of data at `offset`, at most `maxBytes`. */
  run(offset: number, maxBytes: number): { readonly bytes: number; readonly zero: boolean } {
    this.check(offset, 1);
    const { pageBytes, runs } = this;
    const limit = Math.min(this.bytes, offset + maxBytes);
    let run = this.runOf(Math.floor(offset / pageBytes));
    const zero = runs.frames[run] === ZERO_FRAME;
    let end = runs.end(run) * pageBytes;
    while (end < limit && (runs.frames[run + 1] === ZERO_FRAME) === zero) end = runs.end(++run) * pageBytes;
    return { bytes: Math.min(end, limit) - offset, zero };
  }

  /** Return the position of a page, for programs that read pages in the order of the packs. */
  place(page: number): { readonly frame: number; readonly slot: number } {
    const run = this.runOf(page);
    const frame = this.runs.frames[run]!;
    return { frame, slot: frame === ZERO_FRAME ? 0 : this.runs.slotOf(run, page) };
  }

  /** Return the run of a page. Most reads are in the run of the last one, or in the next one. */
  private runOf(page: number): number {
    const { runs } = this;
    if (page >= runs.starts[this.lastRun]!) {
      if (page < runs.end(this.lastRun)) return this.lastRun;
      if (this.lastRun + 1 < runs.count && page < runs.end(this.lastRun + 1)) return ++this.lastRun;
    }
    this.lastRun = runs.find(page);
    return this.lastRun;
  }

  private check(offset: number, bytes: number): void {
    if (Number.isSafeInteger(offset) && offset >= 0 && offset + bytes <= this.bytes) return;
    throw badArgument(`snapshot ${this.name}: ${bytes} bytes at ${offset}, it has ${this.bytes}`);
  }
}
