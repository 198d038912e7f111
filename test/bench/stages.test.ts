// The stages of `bench -- stages`: which of them the time of a kernel is counted as.
import { expect, test } from 'vitest';
import { bytesSource, createEncoder } from '../../src/index.js';
import { guestImage } from '../support/images.js';
import { bench } from './bench.js';

const PAGE = 4096;

const { StageClock } = await bench('kernels/stage-clock.mjs');
const { stageEncoder } = await bench('kernels/staged-encoder.mjs');

test.each(['wasm', 'node'] as const)(
  'packing of every group by zstd (%s) counts as a chosen codec',
  async (zstd) => {
    let [packed, coded] = [0, 0];
    const clock = new StageClock();
    const enter = clock.enter.bind(clock);
    clock.enter = (stage: string) => {
      if (stage === 'codec') coded++;
      enter(stage);
    };
    const strategy = {
      name: 'test',
      choose: () => 'group' as const,
      groupBytes: () => 16 * PAGE,
      pack() {
        packed++;
        return { name: 'zstd' as const, encoder: zstd };
      },
    };
    const encoder = await createEncoder(() => {}, { strategy, threads: 1 });
    stageEncoder(encoder, clock);
    clock.start('rest');
    const image = Buffer.concat(Array.from({ length: 8 }, (_, i) => guestImage(PAGE, i + 1)));
    await encoder.encode(bytesSource(image, 'image'));
    await encoder.finish();
    expect(packed).toBeGreaterThan(2);
    expect(coded).toBe(packed);
  },
);
