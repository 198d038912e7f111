import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import type { PageSource } from '../../src/page/source.js';
import { seeded } from '../support/kernels.js';

/** A folder for one test file, gone afterwards. */
export function testFolder(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'image-test-'));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function randomBytes(bytes: number, seed: number): Buffer {
  const next = seeded(seed);
  const out = Buffer.alloc(bytes);
  for (let i = 0; i + 4 <= bytes; i += 4) out.writeUInt32LE(next(), i);
  for (let i = bytes & ~3; i < bytes; i++) out[i] = next();
  return out;
}

/** The whole image, read by steps of `step` bytes, each of which must be whole but for the last. */
export async function readAll(source: PageSource, step = 1 << 20): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (;;) {
    const into = Buffer.alloc(step, 0xee);
    const read = await source.read(into);
    parts.push(into.subarray(0, read));
    if (read < step) break;
  }
  expect(await source.read(Buffer.alloc(16))).toBe(0);
  return Buffer.concat(parts);
}

export function hasProgram(name: string): boolean {
  const found: SpawnSyncReturns<Buffer> = spawnSync('sh', ['-c', `command -v ${name}`]);
  return found.status === 0;
}

export function run(program: string, args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export const isRoot = process.getuid?.() === 0;

/** Runs `work` as a user who may do nothing; only root can. */
export function asNobody<T>(work: () => T): T {
  process.seteuid!(65534);
  try {
    return work();
  } finally {
    process.seteuid!(0);
  }
}

export function fileNames(folder: string): string[] {
  return fs.readdirSync(folder).sort();
}
