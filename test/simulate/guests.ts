import { programGuest } from '../../src/simulate/guest/program.js';
import { type SyntheticOptions, syntheticGuest } from '../../src/simulate/guest/synthetic.js';
import { type Snapshot, traceGuest } from '../../src/simulate/guest/trace.js';
import type { Guest, GuestSpec } from '../../src/simulate/guest.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';

export const PAGE = 4096;
const MIB = 1 << 20;

export function synthetic(name: string, options: Partial<SyntheticOptions> = {}): GuestSpec {
  return syntheticGuest({
    name,
    bytes: 8 * MIB,
    writesPerSecond: 1500,
    freeShare: 0,
    cacheShare: 0,
    ...options,
  });
}

/** A snapshot in memory. */
function snapshot(name: string, bytes: Uint8Array): Snapshot {
  return {
    name,
    bytes: bytes.length,
    readAt(into, position) {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      return part.length;
    },
  };
}

/** Snapshots of one memory of `pages` pages that changes between them. */
export function snapshots(pages: number, count: number): { images: Uint8Array[]; snapshots: Snapshot[] } {
  const first = guestImage(PAGE, 3);
  const images: Uint8Array[] = [
    new Uint8Array(pages * PAGE).map((_, i) => first[i % first.length]! ^ (i >> 17)),
  ];
  while (images.length < count) images.push(laterImage(images.at(-1)!, PAGE, images.length));
  return { images, snapshots: images.map((bytes, i) => snapshot(`snapshot ${i}`, bytes)) };
}

/** A program in a memory of 8 MiB that writes some words and a row of whole pages a step. */
export function scribbler(name = 'program', maxPages?: number, growsAt = Infinity): GuestSpec {
  return programGuest({
    name,
    stepMs: 20,
    ...(maxPages !== undefined && { maxPages }),
    open(seed) {
      const memory = new WebAssembly.Memory({ initial: 128 });
      const random = seeded(seed);
      let steps = 0;
      const step = () => {
        if (++steps === growsAt) memory.grow(16);
        const words = new Uint32Array(memory.buffer);
        for (let n = 0; n < 30; n++) words[random() % words.length] = random();
        words.fill(steps, ((steps * 4) % 1024) * 1024, ((steps * 4) % 1024) * 1024 + 4096);
        if (steps > growsAt) words[words.length - 1]! = steps;
      };
      return { memory, step };
    },
  });
}

/** A small guest of every kind. */
export const GUESTS: Readonly<Record<string, GuestSpec>> = {
  converging: synthetic('converging', { hotShare: 0.02, freeShare: 0.1 }),
  diverging: synthetic('diverging', {
    writesPerSecond: 40_000,
    pattern: 'sequential',
    hotShare: 0.6,
    writeUnit: 'page',
  }),
  'return visit': synthetic('return visit', { changedSinceVisit: 0.1, writesPerSecond: 800 }),
  'cache-heavy': synthetic('cache-heavy', {
    cacheShare: 0.6,
    writesPerSecond: 800,
    mix: { text: 2, random: 1 },
  }),
  'a program': scribbler(),
  'a trace': traceGuest('trace', snapshots(2048, 3).snapshots, { intervalMs: 150 }),
  'a trace of a return visit': traceGuest('trace', snapshots(2048, 3).snapshots, {
    intervalMs: 150,
    isReturnVisit: true,
  }),
};

/** The guest, and the number of pages allocated when it was opened. */
export function watched(
  spec: GuestSpec,
): GuestSpec & { readonly opened: { guest?: Guest; allocated: number } } {
  const opened: { guest?: Guest; allocated: number } = { allocated: 0 };
  return {
    name: spec.name,
    opened,
    async open(seed) {
      const guest = await spec.open(seed);
      opened.guest = guest;
      opened.allocated = 0;
      for (let page = 0; page < guest.pages; page++) if (guest.isAllocated(page)) opened.allocated++;
      return guest;
    },
  };
}

export function pageOf(guest: Guest, page: number): Buffer {
  const bytes = Buffer.alloc(guest.pageBytes);
  guest.read(page, bytes);
  return bytes;
}

/** Returns the guest’s whole memory. */
export function memory(guest: Guest): Buffer {
  return Buffer.concat(Array.from({ length: guest.pages }, (_, page) => pageOf(guest, page)));
}
