// Synthetic guest memory, and migration streams that contain it.
import { guestImage, laterImage } from '../../test/support/images.js';
import { seeded } from '../../test/support/kernels.js';
import { DEVICES, fillRecord, header, pageRecord, part, start } from './craft.js';

const PAGE = 4096;
const SECTION_PAGES = 512;

/** Return bytes that no codec compresses. */
export function noiseOf(bytes: number, seed: number): Buffer {
  const next = seeded(seed);
  return Buffer.from(new Uint8Array(bytes).map(next));
}

/**
 * Return memory with every kind of page, `repetitions` times 17 pages, followed by `noisePages` pages of
 * noise.
 */
export function craftedMemory(seed: number, repetitions = 12, noisePages = 0): Buffer {
  const parts = Array.from({ length: repetitions }, (_, i) => guestImage(PAGE, seed + i));
  return Buffer.concat([...parts, noiseOf(noisePages * PAGE, seed)]);
}

/** Return the memory after the guest has run for some time. */
export function craftedLater(memory: Buffer, seed: number): Buffer {
  return Buffer.from(laterImage(Uint8Array.from(memory), PAGE, seed));
}

/**
 * Return records for pages of a block, in QEMU's form. The first names the block; without `block` it refers
 * to the block of the previous record.
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

/** Return a stream with one block, "pc.ram": one section with all pages per round, then device state. */
export function craftedStream(rounds: readonly Buffer[], devices: Uint8Array = DEVICES): Buffer {
  const block = { name: 'pc.ram', bytes: rounds[0]!.length };
  const sections = rounds.map((memory, i) =>
    part(recordsOf(memory, i === 0 ? block.name : undefined), i === rounds.length - 1),
  );
  return Buffer.concat([header(), start(block), ...sections, devices]);
}

/** Return the begin of a stream with one block, "pc.ram", of the size of `memory`. */
export function craftedHead(memory: Buffer): Buffer {
  return Buffer.concat([header(), start({ name: 'pc.ram', bytes: memory.length })]);
}

/** Return one section with these pages of `memory`; `block` as in `recordsOf`. */
export function craftedSection(memory: Buffer, pages: number[], isLast: boolean, block?: string): Buffer {
  return part(recordsOf(memory, block, pages), isLast);
}

/** Yield sections of 512 pages, with all pages of `memory`. The first record of a stream names the block. */
export function* craftedRound(memory: Buffer, isFirst: boolean): Generator<Buffer> {
  const pages = memory.length / PAGE;
  for (let from = 0; from < pages; from += SECTION_PAGES) {
    const numbers = range(Math.min(SECTION_PAGES, pages - from)).map((page) => from + page);
    yield part(recordsOf(memory, isFirst && from === 0 ? 'pc.ram' : undefined, numbers));
  }
}
