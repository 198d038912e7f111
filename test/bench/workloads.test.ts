import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bench } from './bench.js';

interface Workload {
  images(options: object): AsyncGenerator<{ name: string; bytes: Uint8Array }>;
}

const { idle } = await bench('workloads/idle.mjs');
const { cacheHeavy } = await bench('workloads/cache-heavy.mjs');
const { writeHeavy } = await bench('workloads/write-heavy.mjs');
const { encrypted } = await bench('workloads/encrypted.mjs');
const { mixedIdleEncrypted } = await bench('workloads/mixed.mjs');
const SYNTHETIC: Readonly<Record<string, Workload>> = {
  idle,
  cacheHeavy,
  writeHeavy,
  encrypted,
  mixedIdleEncrypted,
};

async function digests(workload: Workload, options: object): Promise<string[]> {
  const all: string[] = [];
  for await (const { bytes } of workload.images({ mebibytes: 4, ...options }))
    all.push(createHash('sha256').update(bytes).digest('hex'));
  return all;
}

describe.each(Object.entries(SYNTHETIC))('the synthetic guest %s', (_, workload) => {
  it('has equal snapshots for equal seeds, different ones for different seeds, and changes between snapshots', async () => {
    const first = await digests(workload, { seed: 7 });
    expect(await digests(workload, { seed: 7 })).toEqual(first);
    expect(new Set([...first, ...(await digests(workload, { seed: 8 }))]).size).toBe(6);
  });
});

it('a database can run twice in one process, each time with a new memory', async () => {
  const { database } = await bench('workloads/database.mjs');
  for (let n = 0; n < 2; n++) {
    const images = database.images({ mebibytes: 1 });
    const { value } = await images.next();
    expect(Buffer.from(value.bytes).includes('Harbour Road')).toBe(true);
    await images.return();
  }
});

it('two interleaved guests contain the bytes of both', async () => {
  const bytesOf = async (workload: Workload) => {
    const { value } = await workload.images({ mebibytes: 3 }).next();
    return value.bytes as Uint8Array;
  };
  const [mixed, one, other] = await Promise.all([mixedIdleEncrypted, idle, encrypted].map(bytesOf));
  const sum = (bytes: Uint8Array) => bytes.reduce((total, byte) => total + byte, 0);
  expect(mixed!.length).toBe(one!.length + other!.length);
  expect(sum(mixed!)).toBe(sum(one!) + sum(other!));
});
