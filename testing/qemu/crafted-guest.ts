// Whole migrations by hand: a guest of two blocks, in rounds.
import { guestImage, laterImage } from '../../test/support/images.js';
import { seeded } from '../../test/support/kernels.js';
import { DEVICES, fillRecord, header, pageRecord, part, start } from './craft.js';

const PAGE = 4096;

export function noiseOf(bytes: number, seed: number): Buffer {
  const next = seeded(seed);
  return Buffer.from(new Uint8Array(bytes).map(next));
}

/** Memory with every kind of page, of `rounds` times 17 pages, and after it as many noise pages. */
export function craftedMemory(seed: number, times = 12, noisePages = 0): Buffer {
  const parts = Array.from({ length: times }, (_, i) => guestImage(PAGE, seed + i));
  return Buffer.concat([...parts, noiseOf(noisePages * PAGE, seed)]);
}

/** What the guest has made of its memory a while later. */
export function craftedLater(memory: Buffer, seed: number): Buffer {
  return Buffer.from(laterImage(Uint8Array.from(memory), PAGE, seed));
}

/**
 * Pages of a block, as QEMU sends them; it names the block in the first one, unless it is the one that it was
 * in before.
 */
export function recordsOf(memory: Buffer, block?: string, pages = range(memory.length / PAGE)): Buffer[] {
  return pages.map((page, i) => {
    const content = memory.subarray(page * PAGE, (page + 1) * PAGE);
    const name = i === 0 ? block : undefined;
    return content.every((byte) => byte === 0) ? fillRecord(page, 0, name) : pageRecord(page, content, name);
  });
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

/** Each round is one section of all pages of the one block "pc.ram"; after the last comes device state. */
export function craftedStream(rounds: readonly Buffer[], devices: Uint8Array = DEVICES): Buffer {
  const block = { name: 'pc.ram', bytes: rounds[0]!.length };
  const sections = rounds.map((memory, i) =>
    part(recordsOf(memory, i === 0 ? block.name : undefined), i === rounds.length - 1),
  );
  return Buffer.concat([header(), start(block), ...sections, devices]);
}
