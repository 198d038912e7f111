import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import type { PageSink, PageSource } from '../../src/page/source.js';
import { seeded } from '../support/kernels.js';

/** Create a directory for one test file, which is removed afterwards. */
export function testFolder(): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'image-test-'));
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Return a function that creates a new directory in `folder` for each call. */
export function folderMaker(folder: string): () => string {
  let cases = 0;
  return () => {
    const inside = join(folder, `case-${cases++}`);
    fs.mkdirSync(inside);
    return inside;
  };
}

export function randomBytes(bytes: number, seed: number): Buffer {
  const next = seeded(seed);
  const out = Buffer.alloc(bytes);
  for (let i = 0; i + 4 <= bytes; i += 4) out.writeUInt32LE(next(), i);
  for (let i = bytes & ~3; i < bytes; i++) out[i] = next();
  return out;
}

/** Read the whole image in steps of `step` bytes; only the last may be shorter. */
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

/**
 * Write `bytes` random bytes or zeros at the sink's end `position` and in `image`, then read back from a
 * random position, also past the end. Returns the new end.
 */
export function growAndReadBack(
  sink: PageSink,
  image: Buffer,
  position: number,
  bytes: number,
  next: () => number,
): number {
  if (next() % 3 === 0) sink.zero(position, bytes);
  else {
    const page = randomBytes(bytes, next());
    image.set(page, position);
    sink.write(page, position);
    page.fill(0xee); // only valid during the call
  }
  const end = position + bytes;
  const from = next() % (end + 4096);
  const into = Buffer.alloc(next() % 100_000, 0xee);
  const read = sink.readAt(into, from);
  expect(read).toBe(Math.max(0, Math.min(into.length, end - from)));
  expect(into.subarray(0, read).equals(image.subarray(from, from + read))).toBe(true);
  expect(into.subarray(read).every((byte) => byte === 0xee)).toBe(true);
  return end;
}

export function hasProgram(name: string): boolean {
  const found: SpawnSyncReturns<Buffer> = spawnSync('sh', ['-c', `command -v ${name}`]);
  return found.status === 0;
}

export function run(program: string, args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export const isRoot = process.getuid?.() === 0;

/** Run `work` as a user without permissions; only root can. */
export function asOtherUser<T>(work: () => T): T {
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

/** Return the message of what `work` throws; empty if it succeeds. */
export function problemOf(work: () => void): string {
  try {
    work();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}
