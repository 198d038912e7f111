// pageferry tradeoff without an image: captures the memory of this process. Only the beginning of it is
// measured here, since all of it takes a minute of CPU time.
import fs from 'node:fs';
import { expect, test, vi } from 'vitest';
import type { measureTradeoff, Workload } from '../../src/analyze/tradeoff/tradeoff.js';
import { bytesSource } from '../../src/index.js';
import { folders } from './cli.js';
import { done } from './in-process.js';

const MEASURED_BYTES = 1 << 20;
const captured: number[] = [];

vi.mock('../../src/analyze/tradeoff/tradeoff.js', async (load) => {
  const real = await load<{ measureTradeoff: typeof measureTradeoff }>();
  const measure: typeof measureTradeoff = (workloads, options) =>
    real.measureTradeoff(workloads.map(beginning), options);
  return { ...real, measureTradeoff: measure };
});

/** The first MiB of every image of a workload. */
function beginning(workload: Workload): Workload {
  const open = async () =>
    (await workload.open()).map((source) => {
      const bytes = new Uint8Array(MEASURED_BYTES);
      captured.push(source.bytes!);
      expect(source.readAt!(bytes, 0)).toBe(MEASURED_BYTES);
      return bytesSource(bytes, source.name);
    });
  return { ...workload, open };
}

const newFolder = folders();

test.skipIf(process.platform !== 'linux')(
  'without an image: the memory of this process, and no file is left',
  async () => {
    const inside = newFolder();
    vi.stubEnv('TMPDIR', inside);
    const { stdout } = await done(['tradeoff', '--link', '1Gbit']);
    expect(captured).toEqual([expect.any(Number)]);
    expect(captured[0]).toBeGreaterThan(16 << 20);
    expect(stdout.toString()).toMatch(/^this process: 1\.\d+ MiB, 256 pages of 4 KiB\n {2}at 1 Gbit\/s: /);
    expect(fs.readdirSync(inside)).toEqual([]);
    vi.unstubAllEnvs();
  },
);
