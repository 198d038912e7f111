import { expect, test } from 'vitest';
import { createEncoder } from '../../src/engine/encode/create-encoder.js';
import { bytesSource } from '../../src/image/memory.js';
import { adaptive } from '../../src/strategy/adaptive/adaptive.js';
import { recorded, replayed, type StrategyEvent } from '../../src/strategy/record.js';
import { seeded } from '../support/kernels.js';

/** Text, then noise, then text again: 24 MiB. */
function image(): Uint8Array {
  const random = seeded(1);
  const bytes = new Uint8Array(24 << 20);
  for (let i = 0; i < bytes.length; i++) {
    const isNoise = i >>> 23 === 1;
    bytes[i] = isNoise ? random() : 32 + (random() % 7) * ((i >>> 12) % 5);
  }
  return bytes;
}

for (const linkBitsPerSecond of [50e6, 1e9])
  test(`replays a recorded run at ${linkBitsPerSecond / 1e6} Mbit/s choice by choice, through JSON`, async () => {
    const { strategy, events } = recorded(adaptive());
    const encoder = await createEncoder(() => {}, { strategy, linkBitsPerSecond, zstd: null });
    await encoder.encode(bytesSource(image(), 'image'));
    await encoder.finish();
    const chosen = events.flatMap((event) => (event.kind === 'chosen' ? [event.packing] : []));
    expect(chosen.length).toBeGreaterThan(2);
    expect(replayed(adaptive(), JSON.parse(JSON.stringify(events)) as StrategyEvent[])).toEqual(chosen);
  });

test('another strategy than the recorded one chooses otherwise', async () => {
  const { strategy, events } = recorded({
    name: 'mine',
    choose: () => 'group',
    pack: () => ({ name: 'raw' }),
  });
  const encoder = await createEncoder(() => {}, { strategy, linkBitsPerSecond: 10e6 });
  await encoder.encode(bytesSource(image(), 'image'));
  await encoder.finish();
  const chosen = events.flatMap((event) => (event.kind === 'chosen' ? [event.packing] : []));
  expect(replayed(adaptive(), events)).not.toEqual(chosen);
});
