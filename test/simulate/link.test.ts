import { expect, test } from 'vitest';
import { LinkLostError, SimulatedLink, tlsBytes } from '../../src/simulate/link.js';
import { simulate } from '../../src/simulate/simulate.js';
import { synthetic } from './guests.js';

/** 1000 bytes a millisecond. */
const RATE = { bitsPerSecond: 8e6, rttMs: 10 };

test('sends bytes in order; the last one arrives half a round trip later', () => {
  const link = new SimulatedLink(RATE);
  expect(link.bytesPerMs).toBe(1000);
  expect(link.send(5000, 0)).toBe(5 + 5);
  // It waits for earlier bytes.
  expect(link.send(2000, 1)).toBe(7 + 5);
  // The link was idle before.
  expect(link.send(1000, 20)).toBe(21 + 5);
  expect([link.bytes, link.freeAtMs]).toEqual([8000, 21]);
  expect([link.backlogBytes(20.5), link.backlogBytes(30)]).toEqual([500, 0]);
});

test('sends bytes in flight again after a connection loss', () => {
  const cut = { atMs: 10, forMs: 100 };
  const link = new SimulatedLink({ ...RATE, cut });
  // Sent before the loss, to the last byte.
  expect(link.send(10_000, 0)).toBe(15);
  expect(link.send(4000, 10)).toBe(110 + 4 + 5);
  expect(link.bytes).toBe(14_000);
  const half = new SimulatedLink({ ...RATE, cut });
  expect(half.send(4000, 8)).toBe(114 + 5);
  // The 2000 bytes before the loss were sent in vain.
  expect(half.bytes).toBe(6000);
  expect(half.send(1000, 50)).toBe(115 + 5);
  const during = new SimulatedLink({ ...RATE, cut });
  expect([during.send(1000, 60), during.bytes]).toEqual([111 + 5, 1000]);
  const after = new SimulatedLink({ ...RATE, cut });
  expect([after.send(1000, 110), after.bytes]).toEqual([111 + 5, 1000]);
});

test('a permanent loss: earlier bytes arrive, later ones do not', () => {
  const link = new SimulatedLink({ ...RATE, cut: { atMs: 10, forMs: Infinity } });
  expect(link.send(10_000, 0)).toBe(15);
  expect(() => link.send(1, 10)).toThrow(LinkLostError);
  expect(() => new SimulatedLink(link.spec).send(1000, 9.5)).toThrow('the link was lost after 10 ms');
});

test('a custom link computes the time of its bytes', () => {
  // A link that becomes slower.
  const sendMs = (bytes: number, atMs: number) => (bytes / 1000) * (1 + atMs);
  const link = new SimulatedLink({ ...RATE, sendMs });
  expect([link.send(1000, 0), link.send(1000, 0), link.send(1000, 5)]).toEqual([1 + 5, 3 + 5, 11 + 5]);
  // Half was sent in vain before the loss; afterwards it takes longer.
  const cut = new SimulatedLink({ ...RATE, sendMs, cut: { atMs: 3, forMs: 6 } });
  expect(cut.send(2000, 1)).toBe(9 + 20 + 5);
  expect(cut.bytes).toBe(3000);
});

test('a custom link slows a migration', async () => {
  const guest = synthetic('guest', { writesPerSecond: 0 });
  const link = { bitsPerSecond: 1e9, rttMs: 1 };
  const fast = await simulate({ guest, link, technique: 'stop-and-copy' });
  const slow = await simulate({
    guest,
    link: { ...link, sendMs: (bytes: number) => (3 * bytes * 8000) / link.bitsPerSecond },
    technique: 'stop-and-copy',
  });
  expect(slow.totalMs / fast.totalMs).toBeGreaterThan(2.9);
  expect(slow.totalMs / fast.totalMs).toBeLessThan(3.1);
});

test('an encrypted channel adds 22 bytes for every 16 KiB or part of it', () => {
  expect([0, 1, 16_384, 16_385].map(tlsBytes)).toEqual([0, 23, 16_406, 16_429]);
});
