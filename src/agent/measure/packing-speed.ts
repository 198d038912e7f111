import process from 'node:process';
import { createPageReceiver } from '../../engine/live/create-page-receiver.js';
import { createPageSender } from '../../engine/live/create-page-sender.js';
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
const PAGES = 1 << 20;
/** Batches before the first that counts: code that never ran is ten times slower. */
const WARM_UP_BATCHES = 3;
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
    const batch = sender.buffer.subarray(0, BATCH_PAGES * TARGET_PAGE_BYTES);
    if (pages) fillWithPages(batch, pages);
    else fillWithWords(batch);
    const total = { pages: 0, bytes: 0, unpackMs: 0, packMs: 0 };
    const inFlight: Promise<void>[] = [];
    let startedMs = performance.now();
    const core = new CoreSpeed();
    let unpackedMs = 0;
    let first = 0;
    for (let count = 0; first + BATCH_PAGES <= PAGES; count++, first += BATCH_PAGES) {
      if (count === WARM_UP_BATCHES) {
        await Promise.all(inFlight.splice(0));
        Object.assign(total, { pages: 0, bytes: 0, unpackMs: 0 });
        unpackedMs = 0;
        startedMs = performance.now();
        core.restart();
      }
      const { packed } = await sender.batch(Array.from({ length: BATCH_PAGES }, (_, i) => first + i));
      const received = packed.then(({ parts, bytes, release }) => {
        const fromMs = performance.now();
        for (const part of parts) receiver.push(part);
        unpackedMs += performance.now() - fromMs;
        total.bytes += bytes;
        total.pages += BATCH_PAGES;
        core.add(BATCH_PAGES * TARGET_PAGE_BYTES);
        release();
      });
      inFlight.push(received);
      if (inFlight.length > AHEAD * threads) await inFlight.shift();
      if (count > WARM_UP_BATCHES && performance.now() - startedMs >= ms) break;
    }
    await Promise.all(inFlight);
    const bytes = total.pages * TARGET_PAGE_BYTES;
    const packMs = performance.now() - startedMs - unpackedMs;
    return {
      packBytesPerMs: bytes / Math.max(1e-3, packMs),
      coreBytesPerMs: core.bytesPerMs,
      unpackBytesPerMs: bytes / Math.max(1e-3, unpackedMs),
      ratio: total.bytes / bytes,
    };
  } finally {
    await sender.close();
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
