import { createPageSender } from '../../src/engine/live/create-page-sender.js';
import type { GuestMemory, PageReceiver } from '../../src/engine/live/page-receiver.js';
import type { PageSender, PageSenderOptions } from '../../src/engine/live/page-sender.js';
import { strategyByName } from '../../src/strategy/registry.js';
import type { StreamState } from '../../src/strategy/strategy.js';

/** A constant stream state, for strategies in tests without a link. */
const STILL: StreamState = {
  linkBitsPerSecond: 1e8,
  threads: 1,
  elapsedMs: () => 0,
  bytesOut: 0,
  pendingMs: 0,
  handoverMs: () => 0,
  hasZstd: true,
};

/** A sender of a small guest. */
export function liveSender(options: Partial<PageSenderOptions> = {}): Promise<PageSender> {
  return createPageSender({
    pageBytes: 4096,
    strategy: strategyByName('adaptive'),
    state: STILL,
    dedup: 'similar',
    cacheBytes: 1 << 20,
    batchPages: 64,
    indexPages: 1024,
    ...options,
  });
}

/** The pages of `memory` with these numbers, as one batch. */
export async function batchOf(
  sender: PageSender,
  memory: Uint8Array,
  pages: readonly number[],
  pageBytes = 4096,
) {
  pages.forEach((page, i) => {
    sender.buffer.set(memory.subarray(page * pageBytes, (page + 1) * pageBytes), i * pageBytes);
  });
  const { packed } = await sender.batch(pages);
  const { parts, counts, release: done } = await packed;
  const bytes = new Uint8Array(Buffer.concat(parts));
  done();
  return { bytes, counts };
}

/** A guest's memory at the receiver. */
export class ReceivedMemory {
  bytes = new Uint8Array(0);
  name = '';
  private pageBytes = 0;

  readonly open = (name: string, pages: number, pageBytes: number) => {
    this.name = name;
    this.pageBytes = pageBytes;
    if (this.bytes.length === 0) this.bytes = new Uint8Array(pages * pageBytes);
    return this;
  };

  /** Accept a guest of any size and store nothing of it. */
  readonly openNothing = (): GuestMemory => ({ write() {}, zero() {}, read() {} });

  write(page: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, page * this.pageBytes);
  }

  zero(page: number): void {
    this.bytes.fill(0, page * this.pageBytes, (page + 1) * this.pageBytes);
  }

  read(page: number, into: Uint8Array): void {
    into.set(this.bytes.subarray(page * this.pageBytes, (page + 1) * this.pageBytes));
  }
}

/** Sends pieces of `cut` bytes. */
export function pushAll(receiver: PageReceiver, bytes: Uint8Array, cut = bytes.length): void {
  for (let at = 0; at < bytes.length; at += cut) receiver.push(bytes.subarray(at, at + cut));
}
