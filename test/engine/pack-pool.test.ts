import { expect, test } from 'vitest';
import { createCodecContext } from '../../src/codec/codec.js';
import { createPackPool } from '../../src/engine/pack/pool.js';
import { SegmentBuffer } from '../../src/engine/pack/segment.js';
import { SegmentMemory } from '../../src/engine/pack/segment-memory.js';
import { SegmentPacker } from '../../src/engine/pack/segment-packer.js';
import { JobRunner } from '../../src/engine/threads/job-runner.js';
import { declareRunner } from '../../src/engine/threads/runner-slots.js';
import type { Threads } from '../../src/engine/threads/threads.js';
import { Arena } from '../../src/kernels/arena.js';
import { randomBytes } from '../image/support.js';

const CAPACITY = 1 << 20;
const zstd = { other: undefined, hasKernels: false };

/** A pool whose threads record where each job runs. */
async function recordingPool({ isLz4Local = false, isLocal = false } = {}) {
  const arena = new Arena();
  const codec = createCodecContext(arena);
  const packer = new SegmentPacker(arena, codec, zstd, CAPACITY);
  const segment = new SegmentBuffer(arena, new SegmentMemory(arena, CAPACITY, 1), true);
  const page = arena.slot('page', 65_536);
  const pages = arena.slot('pages', 262_144);
  const slots = declareRunner(arena, codec, CAPACITY);
  await arena.allocate();
  const runner = new JobRunner(codec, slots, zstd);
  const ran: string[] = [];
  const threads: Threads = {
    count: 3,
    pending: 0,
    local: runner,
    isLocal,
    prepare() {},
    start() {},
    report: () => false,
    help: () => false,
    async ended() {},
    async run(job) {
      ran.push('worker');
      runner.run(job);
    },
    runLocal(job) {
      ran.push('here');
      runner.run(job);
    },
    async close() {},
  };
  segment.clear();
  segment.append(page, 65_536);
  const pool = createPackPool({ threads, zstd, packer, isLz4Local });
  const random = randomBytes(262_144, 1);
  codec.kernels.bytes.set(random, pages);
  const hash64 = (bytes: Uint8Array) => packer.checkOfBytes(bytes);
  return { pool, segment, ran, pages, hash64 };
}

test.each([
  ['lz4', {}, 'worker', 0.1],
  ['raw', {}, 'worker', 0.1],
  ['lz4', { isLz4Local: true }, 'here', 0],
  ['raw', { isLz4Local: true }, 'worker', 0.1],
  ['lz4', { isLocal: true }, 'here', 0],
] as const)('%s with %o is packed by: %s', async (name, options, where, handoverMs) => {
  const { pool, segment, ran } = await recordingPool(options);
  expect(pool.handoverMs(name)).toBe(handoverMs);
  const packed = await pool.pack(segment, { name });
  expect(ran).toEqual([where]);
  expect(packed.packing).toBe(name);
  expect(packed.packedBytes).toBe(name === 'raw' ? 65_536 : 4 + 267);
});

test('a stored segment in several places is not copied: the parts and their check', async () => {
  const { pool, segment, pages, hash64 } = await recordingPool();
  const store = async (...runs: (readonly [at: number, bytes: number])[]) => {
    segment.clear();
    for (const [at, bytes] of runs) segment.append(pages + at, bytes);
    const packed = await pool.pack(segment, { name: 'raw' });
    const bytes = runs.reduce((sum, [, length]) => sum + length, 0);
    expect(packed.packedBytes).toBe(bytes);
    expect(packed.check).toEqual(hash64(Buffer.concat(packed.parts)));
    expect(Buffer.concat(packed.parts)).toEqual(Buffer.from(segment.copyBytes()));
    return packed.parts.length;
  };
  const large = 65_536;
  expect(await store([0, large], [131_072, large])).toBe(2);
  expect(await store([131_072, large], [0, large], [98_304, 32_768])).toBe(3);
  // An image's last page may end anywhere: not within what the hash takes as one piece.
  expect(await store([131_072, large], [0, 32_769])).toBe(2);
  expect(await store([131_072, 98_304], [0, 64])).toBe(2);
  expect(await store([131_072, 98_304], [0, 63])).toBe(1);
  expect(await store([131_072, large], [0, 33_000], [65_536, large])).toBe(1);
  // Many small pieces are copied.
  expect(await store([131_072, 4096], [0, 4096], [65_536, 65_536])).toBe(1);
});

test('a small segment is packed here: it is packed sooner than it is handed over', async () => {
  const { pool, segment, ran } = await recordingPool();
  const address = 64;
  segment.clear();
  segment.append(address, 4096);
  await pool.pack(segment, { name: 'lz4' });
  expect(ran).toEqual(['here']);
});
