import { type Kernels, loadKernels } from '../../src/kernels/kernels.js';

/** Return kernels with 8 MiB of memory. */
export function testKernels(memoryBytes = 8 << 20): Promise<Kernels> {
  return loadKernels(memoryBytes);
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
