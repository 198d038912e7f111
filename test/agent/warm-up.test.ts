// The warm-up is a whole migration: if its stream were not parsed, the encoder would stay cold.
import { expect, test } from 'vitest';
import { syntheticStream } from '../../src/agent/warm-up/synthetic-stream.js';
import { warmUp } from '../../src/agent/warm-up/warm-up.js';
import type { QemuEvents } from '../../src/qemu/events.js';
import { QemuStreamReader } from '../../src/qemu/stream-reader.js';

test('QEMU’s stream is made as QEMU does: read to its devices', () => {
  const counts = { page: 0, fill: 0, opaque: 0 };
  const events: QemuEvents = {
    onLiteral: () => {},
    onPage: () => counts.page++,
    onFill: () => counts.fill++,
    onXbzrle: () => {},
    onOpaque: () => counts.opaque++,
  };
  const reader = new QemuStreamReader(events);
  reader.push(syntheticStream(64, 3));
  expect(reader.finish()).toBeUndefined();
  expect(reader.state).toBe('devices');
  expect(counts).toEqual({ page: 3 * 56, fill: 3 * 8, opaque: 0 });
});

test('the guest arrives, over every link of the warm-up', async () => {
  await expect(warmUp()).resolves.toBeUndefined();
});
