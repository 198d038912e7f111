import type { Slots } from '../../src/kernels/arena.js';
import { createKernels, type Kernels } from '../../src/kernels/kernels.js';
import { LAYOUT } from '../../src/kernels/layout.generated.js';

/** Kernels whose memory exists before its slots: a test takes one slot after another. */
export interface TestKernels extends Kernels, Slots {
  readonly kernels: TestKernels;
  readonly memoryBytes: number;
  /** Return the address of a new slot. @throws RangeError when the memory is full */
  reserve(bytes: number, name: string): number;
}

/** Return kernels with `memoryBytes` bytes of memory, by default 24 MiB. */
export async function testKernels(memoryBytes = 24 << 20): Promise<TestKernels> {
  const instance = await createKernels(memoryBytes);
  const { bytes } = instance;
  let next = align(LAYOUT.HEAP_BASE);
  const kernels: TestKernels = {
    ...instance,
    memoryBytes: bytes.length,
    get kernels() {
      return kernels;
    },
    slot: (name, size) => kernels.reserve(size, name),
    onAllocate: (fill) => fill(),
    reserve(size, name) {
      const address = next;
      const end = align(address + size + LAYOUT.SLOT_SLACK);
      if (end > bytes.length)
        throw new RangeError(
          `${name}: needs ${size} bytes, kernel memory has ${bytes.length - address} left`,
        );
      next = end;
      return address;
    },
  };
  return kernels;
}

function align(address: number): number {
  return Math.ceil(address / 64) * 64;
}

/** Return a seeded generator (mulberry32), so that every test input can be reproduced. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}
