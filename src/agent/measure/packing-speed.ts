import process from 'node:process';
import { createPageReceiver } from '../../engine/live/create-page-receiver.js';
import { createPageSender } from '../../engine/live/create-page-sender.js';
import type { PageReceiver } from '../../engine/live/page-receiver.js';
import type { PackedBatch, PageSender } from '../../engine/live/page-sender.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import { strategyByName } from '../../strategy/registry.js';

/** Speed of packing, with all threads, and of unpacking, on the calling thread. */
export interface PackingSpeed {
  readonly packBytesPerMs: number;
  /** Bytes packed and unpacked per ms of CPU time: the speed of one core, whatever runs beside it. */
  readonly coreBytesPerMs: number;
  readonly unpackBytesPerMs: number;
  /** Packed bytes, as a fraction of the pages. */
  readonly ratio: number;
}

const BATCH_PAGES = 512;
const BATCH_BYTES = BATCH_PAGES * TARGET_PAGE_BYTES;
/** Pages of the stream's guest: an upper bound on the work. */
const PAGES = 1 << 20;
/** Batches before the first that counts: code that never ran is ten times slower. */
const WARM_UP_BATCHES = 3;
const MIN_BATCHES = 2;
/** Compiler threads of V8 count too: the fastest part of this CPU time is the speed of a core. */
const PART_CPU_MS = 40;
/** Batches in flight for each thread, so that none waits. */
const AHEAD = 1;

/** Measure packing and unpacking by one strategy, for about `ms`, of synthetic pages or of `pages`. */
export async function measurePacking(
  strategy: string,
  threads: number,
  ms: number,
  pages?: Uint8Array,
): Promise<PackingSpeed> {
  const sender = await createPageSender({
    ...{ strategy: strategyByName(strategy), dedup: 'zero', threads, batchPages: BATCH_PAGES },
    ...{ cacheBytes: 0, indexPages: 1024 },
  });
  try {
    const receiver = await createPageReceiver({ open: () => DISCARD });
    receiver.push(sender.begin('check', PAGES));
    const batch = sender.buffer.subarray(0, BATCH_BYTES);
    if (pages) fillWithPages(batch, pages);
    else fillWithWords(batch);
    const work = new PackingWork(sender, receiver);
    for (let i = 0; i < WARM_UP_BATCHES; i++) await work.add(threads);
    await work.restart();
    for (let i = 0; work.hasPages && (i < MIN_BATCHES || work.elapsedMs < ms); i++) await work.add(threads);
    return await work.end();
  } finally {
    await sender.close();
  }
}

/** Packs and unpacks batches, some of them at the same time, and measures both. */
class PackingWork {
  private readonly inFlight: Promise<void>[] = [];
  private readonly core = new CoreSpeed();
  private firstPage = 0;
  private bytes = 0;
  private packedBytes = 0;
  private unpackMs = 0;
  private startedMs = performance.now();

  constructor(
    private readonly sender: PageSender,
    private readonly receiver: PageReceiver,
  ) {}

  /** The guest of the stream has pages for another batch. */
  get hasPages(): boolean {
    return this.firstPage + BATCH_PAGES <= PAGES;
  }

  get elapsedMs(): number {
    return performance.now() - this.startedMs;
  }

  /** Begin again: the work so far does not count. */
  async restart(): Promise<void> {
    await Promise.all(this.inFlight.splice(0));
    this.bytes = 0;
    this.packedBytes = 0;
    this.unpackMs = 0;
    this.startedMs = performance.now();
    this.core.restart();
  }

  /** Add a batch, once few enough are in flight for this number of threads. */
  async add(threads: number): Promise<void> {
    const first = this.firstPage;
    this.firstPage += BATCH_PAGES;
    const { packed } = await this.sender.batch(Array.from({ length: BATCH_PAGES }, (_, i) => first + i));
    this.inFlight.push(packed.then((batch) => this.unpack(batch)));
    if (this.inFlight.length > AHEAD * threads) await this.inFlight.shift();
  }

  /** Wait for all batches, and return what was measured. */
  async end(): Promise<PackingSpeed> {
    await Promise.all(this.inFlight);
    const { bytes, packedBytes, unpackMs, core } = this;
    return {
      packBytesPerMs: bytes / Math.max(1e-3, this.elapsedMs - unpackMs),
      coreBytesPerMs: core.bytesPerMs,
      unpackBytesPerMs: bytes / Math.max(1e-3, unpackMs),
      ratio: packedBytes / bytes,
    };
  }

  private unpack({ parts, bytes, release }: PackedBatch): void {
    const startedMs = performance.now();
    for (const part of parts) this.receiver.push(part);
    this.unpackMs += performance.now() - startedMs;
    this.packedBytes += bytes;
    this.bytes += BATCH_BYTES;
    this.core.add(BATCH_BYTES);
    release();
  }
}

/** Bytes of work per ms of this process's CPU time, in its fastest part. */
class CoreSpeed {
  private from = process.cpuUsage();
  private bytes = 0;
  private best = 0;

  /** Begin again: the work so far does not count. */
  restart(): void {
    this.from = process.cpuUsage();
    this.bytes = 0;
    this.best = 0;
  }

  add(bytes: number): void {
    this.bytes += bytes;
    const ms = this.cpuMs();
    if (ms < PART_CPU_MS) return;
    this.best = Math.max(this.best, this.bytes / ms);
    this.from = process.cpuUsage();
    this.bytes = 0;
  }

  /** The rate of the fastest part; that of all work where no part is complete. */
  get bytesPerMs(): number {
    return this.best || this.bytes / Math.max(1e-3, this.cpuMs());
  }

  private cpuMs(): number {
    const { user, system } = process.cpuUsage(this.from);
    return (user + system) / 1000;
  }
}

const DISCARD = { write() {}, zero() {}, read() {} };

/** Repeat pages until the batch is full. */
function fillWithPages(bytes: Uint8Array, pages: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += pages.length) bytes.set(pages.subarray(0, bytes.length - at), at);
}

/** Fill pages with words of a small vocabulary: they pack to about a third, as much of a guest's memory. */
function fillWithWords(bytes: Uint8Array): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let state = 1;
  for (let i = 0; i < words.length; i++) {
    state = Math.imul(state, 1664525) + 1013904223;
    words[i] = state >>> 30 === 0 ? state : Math.imul((state >>> 20) % 96, 0x9e3779b1);
  }
}
