import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { isElfCore } from '../../src/image/elf-core/elf-core.js';
import { IMAGE_FORMATS, openImage } from '../../src/image/formats.js';
import { type CoreSegment, type CoreShape, makeCore } from './elf-support.js';
import { randomBytes, readAll, testFolder } from './support.js';

const path = join(testFolder(), 'guest.core');

function write(segments: readonly CoreSegment[], shape?: CoreShape): void {
  fs.writeFileSync(path, makeCore(segments, shape));
}

test('every format has a name of its own, and raw, which detects every file, is the last', () => {
  const names = IMAGE_FORMATS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  expect(names.at(-1)).toBe('raw');
});

describe('detection of the format', () => {
  test('cores of every class and byte order are detected', () => {
    for (const shape of [{}, { class: 1 }]) expect(isElfCore(makeCore([], shape))).toBe(true);
    const bigEndian = makeCore([], { data: 2 });
    bigEndian.writeUInt16BE(4, 16);
    expect(isElfCore(bigEndian)).toBe(true);
    expect(isElfCore(makeCore([], { type: 2 }))).toBe(false);
    expect(isElfCore(new Uint8Array(17))).toBe(false);
  });

  test('a core is opened as its memory, any other file as raw bytes', async () => {
    write([{ vaddr: 0x1000n, bytes: Buffer.from('memory') }]);
    expect((await readAll(openImage(path))).toString()).toBe('memory');
    for (const bytes of [randomBytes(5000, 10), Buffer.alloc(0)]) {
      fs.writeFileSync(path, bytes);
      expect((await readAll(openImage(path))).equals(bytes)).toBe(true);
    }
    write([{ bytes: Buffer.from('memory') }], { class: 3 });
    expect(() => openImage(path)).toThrow('is ELF of class 3');
  });

  test('a truncated core is refused with a remedy, which works', async () => {
    write([{ bytes: randomBytes(5000, 11) }]);
    fs.truncateSync(path, 3000);
    expect(() => openImage(path)).toThrow(
      expect.objectContaining({
        code: 'bad-image',
        message: expect.stringMatching(
          /: it is truncated; to read its bytes as raw memory, set the format to raw/,
        ),
      }),
    );
    const source = openImage(path, { format: 'raw' });
    expect((await readAll(source)).equals(fs.readFileSync(path))).toBe(true);
    source.close();
  });

  test('a format that is asked for is not detected', () => {
    fs.writeFileSync(path, randomBytes(200, 12));
    expect(() => openImage(path, { format: 'elf-core' })).toThrow(
      /does not begin with 7F 45 4C 46.*not an ELF file$/,
    );
    expect(() => openImage(path, { format: 'elf' })).toThrow(
      'unknown image format "elf"; expected one of elf-core, ',
    );
    expect(() => openImage('-', { format: 'elf-core' })).toThrow(
      'standard input: the format elf-core needs a file that can be read at any position',
    );
  });
});
