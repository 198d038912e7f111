import { type TestKernels, testKernels } from '../support/kernels.js';

export const BAND_BYTES = 512;
const CANARY = 0xc5;
const BAND = new Uint8Array(BAND_BYTES).fill(CANARY);

/** Kernels whose slots lie between canaries, and are reused for every input. */
export interface Guarded {
  readonly kernels: TestKernels;
  /** Free all slots. Their contents stay: nothing may depend on them. */
  rewind(): void;
  /** @throws when a band or a constant table was written to */
  check(): void;
}

export async function guardedKernels(memoryBytes: number): Promise<Guarded> {
  const inner = await testKernels(memoryBytes);
  const { bytes } = inner;
  const first = align(inner.run.heapBase());
  const tables = bytes.slice(0, inner.run.heapBase());
  let next = first;
  let slots: { name: string; at: number; size: number }[] = [];
  const kernels: TestKernels = {
    ...inner,
    get kernels() {
      return kernels;
    },
    slot: (name, size) => kernels.reserve(size, name),
    reserve(size, name) {
      const at = align(next + BAND_BYTES);
      next = at + size + BAND_BYTES;
      if (next > bytes.length)
        throw new RangeError(`${name}: needs ${size} bytes, ${bytes.length - at} are left`);
      putBands(bytes, at, size);
      slots.push({ name, at, size });
      return at;
    },
  };
  return {
    kernels,
    rewind() {
      next = first;
      slots = [];
    },
    check() {
      if (Buffer.compare(bytes.subarray(0, tables.length), tables) !== 0)
        throw new Error('wrote to the constant tables');
      for (const { name, at, size } of slots) checkBands(bytes, at, size, name);
    },
  };
}

export function putBands(memory: Uint8Array, at: number, size: number): void {
  memory.fill(CANARY, at - BAND_BYTES, at);
  memory.fill(CANARY, at + size, at + size + BAND_BYTES);
}

/** @throws when a byte right before or behind a slot was written to */
export function checkBands(memory: Uint8Array, at: number, size: number, name: string): void {
  for (const band of [at - BAND_BYTES, at + size]) {
    if (Buffer.compare(memory.subarray(band, band + BAND_BYTES), BAND) === 0) continue;
    throw new Error(`wrote ${band < at ? 'before' : 'behind'} the ${size} bytes of ${name}`);
  }
}

function align(address: number): number {
  return Math.ceil(address / 64) * 64;
}
