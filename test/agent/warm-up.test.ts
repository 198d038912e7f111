// The warm-up is a whole migration: if its stream were not parsed, the encoder would stay cold.
import fs from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { syntheticStream } from '../../src/agent/warm-up/synthetic-stream.js';
import { warmUp } from '../../src/agent/warm-up/warm-up.js';
import { cleanUp } from '../../src/cli/signals.js';
import type { QemuEvents } from '../../src/qemu/events.js';
import { QemuStreamReader } from '../../src/qemu/stream-reader.js';
import { testFolder } from '../image/support.js';

afterEach(() => vi.unstubAllEnvs());

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

test('a forced end of the program removes its temporary folder', async () => {
  const folder = testFolder();
  vi.stubEnv('TMPDIR', folder);
  const stop = new AbortController();
  const warming = warmUp(stop.signal).catch((error: unknown) => error);
  expect(fs.readdirSync(folder)).toHaveLength(1);
  cleanUp();
  expect(fs.readdirSync(folder)).toEqual([]);
  const reason = new Error('stopped');
  stop.abort(reason);
  expect(await warming).toBeInstanceOf(Error);
});
