// A format that is forced on another kind of file, and cores that are cut behind their memory.
import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IMAGE_FORMATS, inspectImage, openImage } from '../../src/image/formats.js';
import { makeCore } from './elf-support.js';
import { randomBytes, testFolder } from './support.js';

const path = join(testFolder(), 'file');

test.each(IMAGE_FORMATS.map(({ name }) => name).filter((name) => name !== 'raw'))(
  '%s, forced on other files, is an error that states what is missing',
  (format) => {
    for (const bytes of [
      randomBytes(8192, 4),
      makeCore([{ bytes: randomBytes(4096, 5) }]),
      Buffer.alloc(8192),
    ]) {
      if (format === 'elf-core' && bytes[0] === 0x7f) continue;
      fs.writeFileSync(path, bytes);
      expect(() => openImage(path, { format })).toThrow(
        /does not begin with|the first bytes are 0x|has no RAM section|no "QEVM"|no stream/,
      );
    }
  },
);

describe.each([
  ['ELF64', 2],
  ['ELF32', 1],
])('a core of %s with section headers', (_, elfClass) => {
  const is64 = elfClass === 2;
  /** A core, its section headers (none, no bits, the names' bytes), and the names, as QEMU writes them. */
  function core(): Buffer {
    const memory = makeCore([{ bytes: randomBytes(4096, 6) }], { class: elfClass });
    const entry = is64 ? 64 : 40;
    const sections = Buffer.alloc(3 * entry);
    const put = (value: number, at: number) =>
      is64 ? sections.writeBigUInt64LE(BigInt(value), at) : sections.writeUInt32LE(value, at);
    [0, 8, 3].forEach((type, i) => {
      sections.writeUInt32LE(type, i * entry + 4);
      put(memory.length + sections.length, i * entry + (is64 ? 24 : 16));
      put(i === 2 ? 10 : 1e9, i * entry + (is64 ? 32 : 20));
    });
    if (is64) memory.writeBigUInt64LE(BigInt(memory.length), 40);
    else memory.writeUInt32LE(memory.length, 32);
    memory.writeUInt16LE(entry, is64 ? 58 : 46);
    memory.writeUInt16LE(3, is64 ? 60 : 48);
    return Buffer.concat([memory, sections, Buffer.alloc(10, 'names')]);
  }

  test('is read whole, and refused if their table or a section ends past the file', async () => {
    const whole = core();
    fs.writeFileSync(path, whole);
    openImage(path).close();
    const namesAt = whole.length - 10;
    fs.truncateSync(path, whole.length - 1);
    expect(() => openImage(path)).toThrow(
      `file: section 2: 10 bytes at ${namesAt} end past the file's ${whole.length - 1}: it is truncated`,
    );
    const { refusal } = await inspectImage(path);
    expect(refusal?.message).toMatch(/section 2: .*: it is truncated/);
    fs.truncateSync(path, namesAt - 1);
    expect(() => openImage(path)).toThrow(
      /file: section headers: \d+ bytes at \d+ end past .* it is truncated/,
    );
    openImage(path, { format: 'raw' }).close();
  });
});
