import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { craftedStream } from '../../testing/qemu/crafted-guest.js';
import { done } from '../cli/in-process.js';
import { randomBytes, testFolder } from './support.js';

const folder = testFolder();
const path = join(folder, 'guest.mig');

function write(...parts: readonly Uint8Array[]): string {
  fs.writeFileSync(path, Buffer.concat(parts));
  return path;
}

describe('a stream that does not begin with the file', () => {
  const stream = craftedStream([randomBytes(64 << 10, 3)]);
  /** Pack a file whose stream begins after `before`, unpack it, and compare. */
  async function comesBack(before: Uint8Array, ...options: string[]): Promise<void> {
    const [packed, back] = [join(folder, 'packed'), join(folder, 'back')];
    await done(['pack', write(before, stream), '-o', packed, ...options]);
    await done(['unpack', packed, '-o', back]);
    expect(fs.readFileSync(back).equals(Buffer.concat([before, stream]))).toBe(true);
    await done(['unpack', packed, '-o', back, '--as', 'raw']);
    expect(fs.readFileSync(back).equals(randomBytes(64 << 10, 3))).toBe(true);
  }

  test.each([1 << 20, 65_539, 4096])('%d bytes of zeros, as file:FILE,offset=N leaves', async (bytes) => {
    await comesBack(Buffer.alloc(bytes));
  });

  test('other bytes before it: the format has to be named', async () => {
    await comesBack(randomBytes(100_001, 4), '--format', 'qemu-migration');
    const { stdout } = await done(['inspect', path, '--format', 'qemu-migration']);
    expect(stdout.toString()).toMatch(/stream at +100001/);
    expect(openImage(path).bytes).toBe(100_001 + stream.length); // raw
  });

  test('zeros before anything else are raw memory', () => {
    write(Buffer.alloc(8192), Buffer.from('QEVM....'));
    expect(openImage(path).bytes).toBe(8200);
    write(Buffer.alloc(2 << 20), stream);
    expect(openImage(path).bytes).toBe((2 << 20) + stream.length);
    write(randomBytes(8192, 5));
    expect(() => openImage(path, { format: 'qemu-migration' })).toThrow(/cannot be parsed from byte 0 on/);
  });
});
