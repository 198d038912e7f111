import { expect, test } from 'vitest';
import {
  createEncoder,
  encodeImages,
  encodeStream,
  type PageSource,
  type Strategy,
} from '../../src/index.js';
import { seeded } from '../support/kernels.js';
import { SMALL_ENCODER } from '../support/streams.js';

const MIB = 1 << 20;
/** Longer than a frame takes to encode, so that frames wait for the writes before them. */
const SLOW_WRITE_MS = 20;
const IMAGE_BYTES = 160 * MIB;
/** Two chunks of the source, and two frames; with threads the frames that they work ahead. */
const AHEAD_BYTES = [0, 16 * MIB, 48 * MIB];
/** Every page needs all its bytes, and frames are small: what is read ahead shows. */
const plain: Strategy = {
  name: 'plain',
  choose: () => 'group',
  pack: () => ({ name: 'raw' }),
  groupBytes: () => MIB,
};
const options = { ...SMALL_ENCODER, strategy: plain, dedup: false, deltaBudgetBytes: 0 };

/** A long image of noise that counts what is read of it. */
function noise(): PageSource & { taken: number; closed: number } {
  const random = seeded(1);
  const source = {
    name: 'noise',
    taken: 0,
    closed: 0,
    async read(into: Uint8Array) {
      const part = into.subarray(0, Math.min(into.length, IMAGE_BYTES - source.taken));
      for (let i = 0; i < part.length; i += 512) part[i] = random();
      source.taken += part.length;
      return part.length;
    },
  };
  return source;
}

/** Waits until nothing more is read, or all was; says how much that is. */
async function standstill(source: { readonly taken: number }): Promise<number> {
  for (let still = 0, last = -1; still < 3 && source.taken < IMAGE_BYTES; ) {
    still = source.taken === last ? still + 1 : 0;
    last = source.taken;
    await new Promise((later) => setTimeout(later, 25));
  }
  return source.taken;
}

test.each([1, 2])('a reader that does not read holds the encoder back, with %d threads', async (threads) => {
  const source = noise();
  const reader = encodeStream({ ...options, threads, images: [source] }).getReader();
  await reader.read();
  expect(await standstill(source)).toBeLessThanOrEqual(AHEAD_BYTES[threads]!);
  // The encoder produces only as much as the reader takes.
  for (let got = 0; got < 20 * MIB; ) got += (await reader.read()).value!.length;
  expect(await standstill(source)).toBeLessThanOrEqual(20 * MIB + AHEAD_BYTES[threads]!);
  await reader.cancel();
});

test('an output that is slow holds the encoder back', async () => {
  const source = noise();
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  let out = 0;
  const encoder = await createEncoder(async (parts) => {
    for (const part of parts) out += part.length;
    if (out > 4 * MIB) await held;
  }, options);
  const done = encoder.encode(source);
  expect(await standstill(source)).toBeLessThanOrEqual(4 * MIB + AHEAD_BYTES[1]!);
  release();
  await done;
  const { bytesOut } = await encoder.finish();
  expect(source.taken).toBe(IMAGE_BYTES);
  expect(bytesOut).toBe(out);
});

test.each([1, 2])(
  'cancelled, it reads no further and lets go of its images, with %d threads',
  async (threads) => {
    const source = noise();
    let closed = 0;
    async function* images() {
      try {
        yield source;
        throw new Error('asked for more after it was cancelled');
      } finally {
        closed++;
      }
    }
    const reader = encodeStream({ ...options, threads, images: images() }).getReader();
    await reader.read();
    await reader.cancel('enough');
    expect(await standstill(source)).toBeLessThanOrEqual(AHEAD_BYTES[threads]!);
    expect(closed).toBe(1);
  },
);

test('left early, an iteration ends the encoder', async () => {
  const source = noise();
  for await (const piece of encodeImages({ ...options, images: [source] })) if (piece.length > 1000) break;
  expect(await standstill(source)).toBeLessThanOrEqual(AHEAD_BYTES[1]!);
});

test('cancelled before it began, it encodes nothing', async () => {
  const source = noise();
  await encodeStream({ ...options, images: [source] }).cancel();
  expect(await standstill(source)).toBeLessThanOrEqual(AHEAD_BYTES[1]!);
});

test.each([
  ['slow', 'counts as waiting for the link'],
  ['instant', 'causes no waiting'],
] as const)('an output that is %s %s', async (kind, _what) => {
  let nowMs = 0;
  const waits: number[] = [];
  const measuring: Strategy = {
    ...plain,
    pack: (_, { outputWaitMs }) => {
      waits.push(outputWaitMs!);
      return { name: 'raw' };
    },
  };
  let writes = 0;
  const output = async () => {
    writes++;
    await new Promise((later) => setTimeout(later, SLOW_WRITE_MS));
    if (kind === 'slow') nowMs += 1000;
  };
  const encoder = await createEncoder(kind === 'slow' ? output : () => {}, {
    ...options,
    strategy: measuring,
    threads: 1,
    clock: () => nowMs,
  });
  await encoder.encode({ name: 'noise', read: noiseOf(8 * MIB) });
  await encoder.finish();
  if (kind === 'instant') expect(Math.max(...waits)).toBe(0);
  else {
    // Frames waited until one before them was written, a second each; on a busy machine some writes end
    // before the encoder waits for them.
    expect(waits.at(-1)).toBeGreaterThanOrEqual(500 * (waits.length - 4));
    expect(waits.at(-1)).toBeLessThanOrEqual(1000 * writes);
  }
});

/** A read of `bytes` bytes of noise. */
function noiseOf(bytes: number): PageSource['read'] {
  const random = seeded(2);
  let left = bytes;
  return async (into) => {
    const part = into.subarray(0, Math.min(into.length, left));
    for (let i = 0; i < part.length; i += 512) part[i] = random();
    left -= part.length;
    return part.length;
  };
}
