import { DIGEST_KEY_BYTES, KEYED_DIGEST_BYTES, keyedDigests } from '../../dedup/keyed-digest.js';
import { Arena } from '../../kernels/arena.js';
import { PageferryError } from '../../page/error.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import { checkDatabaseFile } from '../database-file.js';
import { PackFiles } from '../pack-files.js';
import { FrameCache } from '../read/frame-cache.js';
import { PageDecoder } from '../read/page-decoder.js';
import type { StoreContext } from '../store-context.js';
import { interruptedBytes } from '../uncommitted.js';
import { checkIndex } from './check-index.js';
import { checkPacks } from './check-packs.js';
import type { CheckedFrame, CheckedStore } from './checked-store.js';
import { DamagedPages, type DamagedSnapshot } from './damaged-pages.js';

const CACHE_BYTES = 64 << 20;

/** Options of `Store.check`. */
export interface CheckOptions {
  /** Whether to read every pack and to compare every page with its digest. */
  readonly readData?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (bytes: number, total: number) => void;
}

/** Result of a check. */
export interface CheckReport {
  /** A message for each problem. */
  readonly problems: readonly string[];
  /** The snapshots that have damaged pages. */
  readonly damaged: readonly DamagedSnapshot[];
  readonly snapshots: number;
  readonly frames: number;
  readonly packs: number;
  /** Bytes of packs that were read and compared. */
  readonly bytesRead: number;
  /** Bytes of packs that killed writers have left: no damage, and `gc` frees them. */
  readonly interruptedBytes: number;
}

/** Check a store without changing it. @throws PageferryError `io`; the reason of the signal */
export async function checkStore(store: StoreContext, options: CheckOptions): Promise<CheckReport> {
  const { signal, readData = false } = options;
  const problems: string[] = [];
  const damage = new DamagedPages();
  checkDatabaseFile(store.dir, true);
  store.db.refresh();
  const checked = await checkIndex(store, problems, damage, signal);
  await checkPacks(store, checked, problems, damage);
  const bytesRead = readData ? await readFrames(store, checked, problems, damage, options) : 0;
  const { damaged, snapshots } = damage.snapshots(store, checked, problems);
  return {
    problems,
    damaged,
    snapshots,
    frames: checked.frames.size,
    packs: checked.packCount,
    bytesRead,
    interruptedBytes: interruptedBytes(store),
  };
}

/** Read all frames in the order of the packs, and compare every page with its digest. */
async function readFrames(
  store: StoreContext,
  checked: CheckedStore,
  problems: string[],
  damage: DamagedPages,
  { signal, onProgress }: CheckOptions,
): Promise<number> {
  const { pageBytes, frameBytes } = store.config;
  const packs = new PackFiles(store.dir);
  const arena = new Arena();
  const { frameCipher: cipher } = store.secrets;
  const cache = new FrameCache(arena, { packs, cipher, pageBytes, frameBytes, cacheBytes: CACHE_BYTES });
  const verifier = new PageVerifier(arena, store, cache, checked);
  await arena.allocate();
  verifier.start();
  const frames = [...checked.frames.values()].sort((a, b) => a.pack - b.pack || a.offset - b.offset);
  const total = frames.reduce((sum, { bytes }) => sum + bytes, 0);
  const yieldIfDue = createYielder();
  let bytesRead = 0;
  try {
    for (const frame of frames) {
      if (damage.hasFrame(frame.id)) continue; // its problem is named already
      try {
        verifier.verify(frame, problems, damage);
      } catch (cause) {
        if (!(cause instanceof PageferryError)) throw cause;
        problems.push(cause.message);
        damage.addFrame(frame.id);
      }
      bytesRead += frame.bytes;
      onProgress?.(bytesRead, total);
      await yieldIfDue();
      throwIfAborted(signal);
    }
  } finally {
    packs.close();
  }
  return bytesRead;
}

/** Compares the pages of frames with their digests. */
class PageVerifier {
  private readonly page: number;
  private readonly key: number;
  private readonly digest: number;
  private readonly decoder: PageDecoder;

  constructor(
    arena: Arena,
    private readonly store: StoreContext,
    private readonly cache: FrameCache,
    private readonly checked: CheckedStore,
  ) {
    const { pageBytes } = store.config;
    this.page = arena.slot('page to hash', pageBytes);
    this.key = arena.slot('digest key', DIGEST_KEY_BYTES);
    this.digest = arena.slot('digest', 32);
    this.decoder = new PageDecoder(cache, (id) => this.place(id), pageBytes);
  }

  /** Write the digest key to the memory, once it is allocated. */
  start(): void {
    this.cache.codec.kernels.bytes.set(this.store.secrets.digestKey, this.key);
  }

  /** Verify the pages of a frame. @throws PageferryError if the frame itself cannot be unpacked */
  verify(frame: CheckedFrame, problems: string[], damage: DamagedPages): void {
    const { slots } = this.cache.get(frame.id, frame);
    const count = frame.digests.length / KEYED_DIGEST_BYTES;
    if (slots.count !== count)
      throw new PageferryError(
        'bad-stream',
        `frame ${frame.id}: ${slots.count} slots, its record has ${count}`,
      );
    for (let slot = 0; slot < count; slot++) {
      let problem: string | undefined;
      try {
        if (!this.hasDigest(frame, slot))
          problem = `frame ${frame.id}: the page of slot ${slot} has another digest`;
      } catch (cause) {
        if (!(cause instanceof PageferryError)) throw cause;
        problem = `frame ${frame.id}, slot ${slot}: ${cause.message}`;
      }
      if (problem === undefined) continue;
      problems.push(problem);
      damage.addSlot(frame.id, slot);
    }
  }

  private hasDigest(frame: CheckedFrame, slot: number): boolean {
    const { kernels, wkdmScratch } = this.cache.codec;
    const { pageBytes } = this.store.config;
    kernels.bytes.set(this.decoder.decode(frame.id, slot), this.page);
    keyedDigests(kernels, this.page, 1, pageBytes, 0, this.key, this.digest, wkdmScratch);
    const from = slot * KEYED_DIGEST_BYTES;
    for (let i = 0; i < KEYED_DIGEST_BYTES; i++)
      if (kernels.bytes[this.digest + i] !== frame.digests[from + i]) return false;
    return true;
  }

  private place(id: number): CheckedFrame {
    const frame = this.checked.frames.get(id);
    if (!frame) throw new PageferryError('bad-stream', `frame ${id}: has no sound record`);
    return frame;
  }
}
