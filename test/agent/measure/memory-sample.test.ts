import { randomFillSync } from 'node:crypto';
import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ASSUMED_MEMORY } from '../../../src/agent/advise/modes.js';
import { sampleMemory } from '../../../src/agent/measure/memory-sample.js';
import type { QemuMonitor } from '../../../src/agent/qmp/monitor.js';

const GUEST_BYTES = 256 << 20;
const SAMPLE_BYTES = 4 << 20;

/** A QEMU that writes what `fill` leaves in a buffer of zeros. */
function monitorOf(fill: (bytes: Buffer, address: number) => void, architecture = 'x86_64'): QemuMonitor {
  const monitor = {
    architecture: async () => architecture,
    saveMemory: async (address: number, bytes: number, path: string) => {
      const memory = Buffer.alloc(bytes);
      fill(memory, address);
      fs.writeFileSync(path, memory);
    },
  };
  return monitor as unknown as QemuMonitor;
}

describe('a sample of the memory of a guest', () => {
  test('with almost only zero pages has their share; its ratios are assumed', async () => {
    let filled = 0;
    const nearlyEmpty = monitorOf((memory) => {
      if (filled++ < 3) randomFillSync(memory);
    });
    expect(await sampleMemory(nearlyEmpty, GUEST_BYTES)).toEqual({
      ...ASSUMED_MEMORY,
      bytes: SAMPLE_BYTES,
      dataFraction: (3 * 4) / 1024,
    });
    const { dataFraction } = (await sampleMemory(
      monitorOf(() => {}),
      GUEST_BYTES,
    ))!;
    expect(dataFraction).toBe(0);
  });

  test('with data has measured ratios', async () => {
    const half = monitorOf((memory) => randomFillSync(memory.subarray(0, memory.length / 2)));
    const sample = (await sampleMemory(half, GUEST_BYTES))!;
    expect(sample).toMatchObject({ bytes: SAMPLE_BYTES, dataFraction: 0.5 });
    expect([sample.lz4Ratio, sample.zstdRatio]).toEqual([expect.closeTo(1, 1), expect.closeTo(1, 1)]);
  });

  test('is undefined where it cannot be read', async () => {
    const failing = monitorOf(() => {
      throw new Error('Permission denied');
    });
    expect(await sampleMemory(failing, GUEST_BYTES)).toBeUndefined();
    expect(
      await sampleMemory(
        monitorOf(() => {}, 's390x'),
        GUEST_BYTES,
      ),
    ).toBeUndefined();
  });
});
