import { expect, test } from 'vitest';
import { RecordWriter } from '../../src/engine/encode/record-writer.js';
import { emptyCounts } from '../../src/engine/frame/counters.js';
import { LifeCycle } from '../../src/engine/life-cycle.js';
import type { SegmentPacker } from '../../src/engine/pack/segment-packer.js';

const FRAME_BYTES = 1 << 20;
const FRAMES = 12;

/** Write packed frames to an output that takes `msPerFrame` for each; return the bytes of its calls. */
async function callsOf(msPerFrame: number): Promise<{ calls: number[]; order: number[]; ended: number[] }> {
  let nowMs = 0;
  const [calls, order, ended]: number[][] = [[], [], []];
  const writer = new RecordWriter({
    output: async (parts) => {
      await Promise.resolve();
      nowMs += msPerFrame * parts.length;
      calls!.push(parts.reduce((sum, part) => sum + part.length, 0));
      order!.push(...parts.map((part) => part[0]!));
    },
    packer: {} as SegmentPacker,
    onWritten: undefined,
    clock: () => nowMs,
    life: new LifeCycle('encoder', undefined),
  });
  for (let i = 0; i < FRAMES; i++) {
    const frame = { parts: [new Uint8Array(FRAME_BYTES).fill(i)], bytes: FRAME_BYTES, counts: emptyCounts() };
    writer.frame(
      { pageCount: 256 },
      0,
      256 * i,
      async () => frame,
      () => ended!.push(i),
    );
  }
  await writer.drained();
  expect(writer.bytesOut).toBe(FRAMES * FRAME_BYTES);
  expect(writer.waitingBytes).toBe(0);
  return { calls: calls!, order: order!, ended: ended! };
}

const IN_ORDER = Array.from({ length: FRAMES }, (_, i) => i);

test('an output that is fast gets several frames a call, half of what waits at most', async () => {
  const { calls, order, ended } = await callsOf(0.5);
  expect(order).toEqual(IN_ORDER);
  expect(ended).toEqual(IN_ORDER);
  // The first call tells how fast the output is; 5 ms are 10 frames.
  expect(calls.map((bytes) => bytes / FRAME_BYTES)).toEqual([1, 5, 3, 1, 1, 1]);
});

test('a slow output gets one frame a call, so that its rate shows and frames are free early', async () => {
  const { calls, order } = await callsOf(8);
  expect(order).toEqual(IN_ORDER);
  expect(calls).toEqual(IN_ORDER.map(() => FRAME_BYTES));
});
