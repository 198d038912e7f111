import { describe, expect, test } from 'vitest';
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
    maxWrites: 1,
    packer: {} as SegmentPacker,
    onWritten: undefined,
    clock: () => nowMs,
    life: new LifeCycle('encoder', undefined),
  });
  for (let i = 0; i < FRAMES; i++) {
    addFrame(writer, i, () => ended!.push(i));
  }
  await writer.drained();
  expect(writer.bytesOut).toBe(FRAMES * FRAME_BYTES);
  expect(writer.waitingBytes).toBe(0);
  return { calls: calls!, order: order!, ended: ended! };
}

/** Give `writer` a packed frame. */
function addFrame(writer: RecordWriter, i: number, onEnd: () => void): void {
  const frame = { parts: [new Uint8Array(FRAME_BYTES).fill(i)], bytes: FRAME_BYTES, counts: emptyCounts() };
  writer.writeFrame({ pageCount: 256 }, 0, 256 * i, async () => frame, onEnd);
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

describe('two writes at a time', () => {
  /** A writer whose output takes a frame when the test lets it. */
  function twoWrites() {
    let nowMs = 0;
    const takes: { resolve: () => void; reject: (cause: Error) => void }[] = [];
    const spans: [number, number][] = [];
    const life = new LifeCycle('encoder', undefined);
    const writer = new RecordWriter({
      output: () => new Promise<void>((resolve, reject) => takes.push({ resolve, reject })),
      maxWrites: 2,
      packer: {} as SegmentPacker,
      onWritten: (_, startMs, endMs) => spans.push([startMs, endMs]),
      clock: () => nowMs,
      life,
    });
    const at = async (ms: number, action: () => void) => {
      nowMs = ms;
      action();
      for (let i = 0; i < 20; i++) await Promise.resolve();
    };
    const ended: number[] = [];
    const add = (i: number) => addFrame(writer, i, () => ended.push(i));
    return { writer, life, takes, spans, ended, at, add };
  }

  test('the second begins before the first has ended, the third after; no time counts twice', async () => {
    const { writer, takes, spans, ended, at, add } = twoWrites();
    await at(10, () => add(0));
    await at(20, () => [1, 2].map(add));
    expect(takes).toHaveLength(2);
    expect(writer.bytesOut).toBe(0);
    await at(30, () => takes[1]!.resolve());
    expect([ended, takes.length]).toEqual([[1], 2]); // the oldest is in progress
    await at(40, () => takes[0]!.resolve());
    expect([ended, takes.length]).toEqual([[1, 0], 3]);
    expect(writer.bytesOut).toBe(2 * FRAME_BYTES);
    const drained = writer.drained();
    await at(55, () => takes[2]!.resolve());
    await drained;
    expect(ended).toEqual([1, 0, 2]);
    expect(spans).toEqual([
      [10, 30],
      [30, 40],
      [40, 55],
    ]);
    expect(writer.waitingBytes).toBe(0);
  });

  test('a failure ends what waits, and every frame is given back once', async () => {
    const { writer, life, takes, ended, at, add } = twoWrites();
    const cause = new Error('the disk is full');
    await at(0, () => [0, 1, 2, 3].map(add));
    await at(1, () => takes[0]!.reject(cause));
    expect(life.signal.reason).toBe(cause);
    await expect(writer.drained()).rejects.toBe(cause);
    expect(takes).toHaveLength(2);
    expect(ended.sort()).toEqual([0, 1, 2, 3]);
  });
});
