import { createPageReceiver } from '../../engine/create-page-receiver.js';
import { createPageSender } from '../../engine/create-page-sender.js';
import { adaptive } from '../../strategy/adaptive.js';

const PAGE_BYTES = 4096;
const BATCH_PAGES = 256;
const BATCHES = 24;
/** Links that are warmed up for: each calls for other packings. */
const LINKS = [1e8, 1e9, 1e10];

/**
 * Codes and decodes some pages before any migration begins: code that never ran takes ten times as long, and a migration is over in
 * seconds. About a third of a second.
 */
export async function warmUp(): Promise<void> {
  for (const linkBitsPerSecond of LINKS) {
    const state = { linkBitsPerSecond, threads: 1, elapsedMs: () => 0, bytesOut: 0, pendingMs: 0, handoverMs: () => 0, zstd: true };
    const sender = await createPageSender({
      pageBytes: PAGE_BYTES,
      strategy: adaptive(),
      state,
      finds: 'similar',
      cacheBytes: 2 * BATCH_PAGES * PAGE_BYTES,
      batchPages: BATCH_PAGES,
      indexPages: 4 * BATCH_PAGES,
    });
    const receiver = await createPageReceiver({
      open: () => ({ write() {}, zero() {}, read() {} }),
      cacheBytes: 2 * BATCH_PAGES * PAGE_BYTES,
      maxFrameBytes: 4 * BATCH_PAGES * PAGE_BYTES,
    });
    receiver.push(sender.begin('warm-up', 2 * BATCH_PAGES));
    const words = new Uint32Array(sender.room.buffer, sender.room.byteOffset, sender.room.length / 4);
    const numbers = Array.from({ length: BATCH_PAGES }, (_, i) => i);
    for (let batch = 0; batch < BATCHES / LINKS.length; batch++) {
      // Some pages alike, some almost, some zero, most neither.
      for (let i = 0; i < words.length; i++)
        words[i] = (i >>> 10) % 8 === 0 ? 0 : i % 5 === 0 ? Math.imul(i + batch, 0x9e3779b1) : i % 64;
      const { packed } = await sender.batch(numbers.map((page) => page + (batch % 2) * BATCH_PAGES));
      const { parts, done } = await packed;
      for (const part of parts) receiver.push(part);
      done();
    }
    await sender.close();
  }
}
