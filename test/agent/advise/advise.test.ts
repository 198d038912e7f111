// The choice of a mode before a migration, as a function of what is known.

import { describe, expect, test } from 'vitest';
import { type Advice, advise } from '../../../src/agent/advise/advise.js';
import type { MigrationFacts } from '../../../src/agent/advise/facts.js';
import { ASSUMED_MEMORY, EMULATED_MS, FIXED_MS } from '../../../src/agent/advise/modes.js';
import type { QemuSupport } from '../../../src/agent/qmp/reports.js';

const QEMU: QemuSupport = {
  version: '10.0.2',
  capabilities: new Set(['multifd', 'postcopy-ram', 'return-path', 'xbzrle']),
  compressions: new Set(['none', 'zlib', 'zstd']),
};
const FACTS: MigrationFacts = {
  ...{ guestBytes: 2 ** 32, memory: ASSUMED_MEMORY, linkBitsPerSecond: 1e9, downtimeLimitMs: 300 },
  dirty: { ms: 1000, pages: 500 },
  ...{ cpuFactor: 1, sourceCores: 4, destinationCores: 4, source: QEMU, destination: QEMU },
  ...{ hasAgents: true, hasPostcopy: false },
};
const advised = (change: Partial<MigrationFacts>): Advice => advise({ ...FACTS, ...change });
const modeOf = (change: Partial<MigrationFacts>) => advised(change).best?.mode;
const without = (name: string): QemuSupport => ({
  ...QEMU,
  capabilities: new Set([...QEMU.capabilities].filter((one) => one !== name)),
});
const reasonOf = ({ excluded }: Advice, name: string) => excluded.find(({ mode }) => mode === name)?.reason;

describe('the mode', () => {
  test.each([
    ['a thin link: the agents', { linkBitsPerSecond: 1e8 }, 'agents'],
    ['1 Gbit/s: zstd of QEMU', {}, 'multifd-zstd'],
    ['10 Gbit/s: no compression', { linkBitsPerSecond: 1e10 }, 'multifd'],
    [
      'the same on one host of two cores',
      { linkBitsPerSecond: 1e11, isOneHost: true, sourceCores: 2 },
      'multifd',
    ],
    [
      'memory that does not compress',
      { memory: { ...ASSUMED_MEMORY, lz4Ratio: 1, zstdRatio: 1 } },
      'multifd',
    ],
    ['1 Gbit/s and one slow core a host: no compression', { sourceCores: 1, cpuFactor: 0.3 }, 'multifd'],
    [
      'two cores for both hosts: zstd takes as long as the link',
      { isOneHost: true, sourceCores: 2, destinationCores: 2, hasAgents: false },
      'multifd-zstd',
    ],
    [
      'the same with cores that are in use: no compression',
      { isOneHost: true, sourceCores: 2, destinationCores: 2, hasAgents: false, busyCores: 12 },
      'multifd',
    ],
    ['no agents on a thin link', { linkBitsPerSecond: 1e8, hasAgents: false }, 'multifd-zstd'],
    ['no multifd at the destination', { destination: without('multifd'), linkBitsPerSecond: 1e10 }, 'plain'],
  ] as const)('%s', (_, change, expected) => {
    expect(modeOf(change as Partial<MigrationFacts>)).toBe(expected);
  });

  test('a guest that writes more than any mode sends: only post-copy, where it is allowed', () => {
    const dirty = { ms: 1000, pages: 500_000 };
    const none = advised({ dirty });
    expect([none.best, none.reason]).toEqual([undefined, 'no mode meets a downtime of 300 ms']);
    expect(advised({ dirty, hasPostcopy: true }).best).toMatchObject({
      ...{ mode: 'post-copy', converges: true },
      settings: { capabilities: { 'postcopy-ram': true, multifd: false, 'return-path': true } },
    });
  });

  test('cores in use: a migration gets what is free, or its share of all', () => {
    const zstd = (change: Partial<MigrationFacts>) =>
      advised({ linkBitsPerSecond: 1e11, dirty: { ms: 1000, pages: 0 }, ...change }).estimates.find(
        ({ mode }) => mode === 'multifd-zstd',
      )!;
    const free = zstd({});
    // Four channels leave no core to others on four cores; on 16 cores they do not need more than four.
    expect(zstd({ busyCores: 4 }).totalMs - FIXED_MS).toBeCloseTo(2 * (free.totalMs - FIXED_MS), 5);
    expect(zstd({ sourceCores: 16, busyCores: 12 }).totalMs).toBe(free.totalMs);
    expect(zstd({ busyCores: 4 }).cpuSeconds).toBe(free.cpuSeconds);
  });

  test('a guest whose CPUs are emulated takes longer to start and end, in every mode', () => {
    const totals = (change: Partial<MigrationFacts>) =>
      advised(change)
        .estimates.filter(({ settings: { parameters } }) => !parameters['multifd-zstd-level'])
        .map(({ totalMs }) => totalMs);
    expect(totals({ isEmulated: true })).toEqual(totals({}).map((ms) => ms + EMULATED_MS));
  });

  test('convergence is not known without a dirty rate, and never claimed', () => {
    const { estimates, reason } = advised({ dirty: undefined });
    for (const { converges } of estimates) expect(converges).toBeUndefined();
    expect(reason).toMatch(/; the dirty rate is not known$/);
  });
});

describe('the settings', () => {
  const settings = (change: Partial<MigrationFacts>) => advised(change).best?.settings;

  test('multifd with zstd: channels by the smaller host, the level by link and CPU', () => {
    expect(settings({})).toEqual({
      capabilities: { multifd: true, 'postcopy-ram': false, xbzrle: false, 'return-path': true },
      parameters: {
        ...{ 'max-bandwidth': 10_000_000_000, 'downtime-limit': 300 },
        ...{ 'multifd-channels': 4, 'multifd-compression': 'zstd', 'multifd-zstd-level': 3 },
      },
    });
    const level = (change: Partial<MigrationFacts>) =>
      settings({ hasAgents: false, ...change })?.parameters['multifd-zstd-level'];
    // A higher level saves time where the link is the limit.
    expect(level({ linkBitsPerSecond: 1e8, sourceCores: 16, destinationCores: 16 })).toBe(3);
    expect(level({ sourceCores: 2, destinationCores: 2 })).toBe(1);
  });

  test('capabilities that a QEMU does not know are not set', () => {
    const qemu = without('xbzrle');
    expect(settings({ source: qemu, destination: qemu })?.capabilities).not.toHaveProperty('xbzrle');
  });

  test("the operator's max-bandwidth stays, and limits the modes", () => {
    const best = advised({ linkBitsPerSecond: 1e10, maxBandwidth: 10_000_000 }).best!;
    expect(best.settings.parameters).not.toHaveProperty('max-bandwidth');
    // It counts pages before the agents pack them.
    expect(best.mode).toBe('multifd-zstd');
    expect(best.bottleneck).toBe('link');
  });
});

describe('modes that are not possible, and why', () => {
  test.each([
    ['multifd', { source: without('multifd') }, 'QEMU 10.0.2 at the source has no multifd'],
    [
      'multifd-zstd',
      { destination: { ...QEMU, compressions: new Set(['none', 'zlib']) } },
      'QEMU 10.0.2 at the destination has no multifd-compression zstd',
    ],
    ['multifd', { destination: { ...QEMU, version: '7.2.22' } }, 'QEMU 10.0.2 and 7.2.22 differ'],
    ['post-copy', {}, 'postcopy-ram is off at the source'],
    ['agents', { hasAgents: false }, 'no agents'],
  ] as const)('%s', (name, change, expected) => {
    expect(reasonOf(advised(change as Partial<MigrationFacts>), name)).toBe(expected);
  });

  test('methods that are not known exclude nothing', () => {
    const unknown = { ...QEMU, compressions: new Set<string>() };
    expect(advised({ source: unknown }).excluded.map(({ mode }) => mode)).toEqual(['post-copy']);
  });
});
