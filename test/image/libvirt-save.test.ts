import fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { openQemuStream } from '../../src/image/qemu-migration/qemu-migration.js';
import { PageferryError } from '../../src/page/error.js';
import { craftedStream, noiseOf } from '../../testing/qemu/crafted-guest.js';
import { fixture } from '../../testing/qemu/replay.js';
import { done, fails } from '../cli/in-process.js';
import { seeded } from '../support/kernels.js';
import { readAll, testFolder } from './support.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);

interface Fields {
  readonly magic?: string;
  readonly version?: number;
  readonly compression?: number;
  readonly dataBytes?: number;
  readonly isBigEndian?: boolean;
}

function saved(stream: Uint8Array, fields: Fields = {}): Buffer {
  const { magic = 'LibvirtQemudSave', version = 2, compression = 0, dataBytes = 4004 } = fields;
  const head = Buffer.alloc(92);
  head.write(magic);
  const words = [version, dataBytes, 1, compression, 9];
  for (const [i, word] of words.entries())
    if (fields.isBigEndian) head.writeUInt32BE(word, 16 + 4 * i);
    else head.writeUInt32LE(word, 16 + 4 * i);
  return Buffer.concat([head, Buffer.from('<domain/>'.padEnd(4004, '\0')), stream]);
}

function write(bytes: Uint8Array): string {
  fs.writeFileSync(file('guest.save'), bytes);
  return file('guest.save');
}

const memory = Buffer.concat([noiseOf(64 << 10, 1), Buffer.alloc(64 << 10), noiseOf(64 << 10, 2)]);

describe('a save file is opened as the memory in its stream', () => {
  test.each([{}, { version: 1 }, { isBigEndian: true }])('%o', async (fields) => {
    const source = openImage(write(saved(craftedStream([memory]), fields)));
    expect((await readAll(source)).equals(memory)).toBe(true);
    source.close();
  });

  test('of a stream of QEMU', async () => {
    fs.writeFileSync(file('guest.mig'), fixture('plain'));
    const [bare, source] = [openQemuStream(file('guest.mig')), openImage(write(saved(fixture('plain'))))];
    expect((await readAll(source)).equals(await readAll(bare))).toBe(true);
    bare.close();
    source.close();
  });
});

describe('save files and saved migrations come back byte for byte', () => {
  const streams: [string, () => Buffer][] = [
    ['crafted, two rounds', () => craftedStream([noiseOf(memory.length, 3), memory])],
    ...['plain', 'xbzrle', 'uuid'].map((name) => [name, () => fixture(name)] as [string, () => Buffer]),
  ];
  test.each(streams)('%s', async (_, make) => {
    for (const bytes of [make(), saved(make())]) {
      await done(['pack', write(bytes), '-o', file('packed')]);
      await done(['unpack', file('packed'), '-o', file('back')]);
      expect(fs.readFileSync(file('back')).equals(bytes)).toBe(true);
      await done(['unpack', file('packed'), '-o', file('one'), '--image', '0']);
      expect(fs.readFileSync(file('one')).equals(bytes)).toBe(true);
    }
  });
});

test('what cannot be read is refused by name, with a remedy', async () => {
  const refused: [Fields, RegExp][] = [
    [{ magic: 'LibvirtQemudPart' }, /has not completed this save file; save again/],
    [{ compression: 1 }, /compressed with gzip; .*tail -c \+4097 FILE \| gzip -dc > guest\.mig/],
    [{ compression: 5 }, /compressed with zstd/],
    [{ compression: 6 }, /has no RAM section with the capability mapped-ram at 4096/],
    [{ compression: 77 }, /unknown compression 77/],
    [{ version: 3 }, /version 3; versions 1 and 2 are read/],
    [{ dataBytes: 0xffff_ffff }, /would begin at 4294967387, the file has \d+ bytes: it is truncated/],
    [{ dataBytes: 1000 }, /cannot be parsed from byte 1092 on/],
  ];
  for (const [fields, message] of refused)
    await fails(1, ['pack', write(saved(craftedStream([memory]), fields)), '-o', file('x')], message);
});

test('inspect reports the version, the compression and the state of the guest', async () => {
  const { stdout } = await done(['inspect', write(saved(craftedStream([memory]), { compression: 1 }))]);
  expect(stdout.toString()).toMatch(/version 2[\s\S]*gzip[\s\S]*running[\s\S]*not packed/);
});

test('a save file with random changes is read or refused', async () => {
  const next = seeded(4);
  const sane = saved(craftedStream([memory.subarray(0, 64 << 10)]));
  for (let round = 0; round < 500; round++) {
    const bytes = Buffer.from(sane.subarray(0, round % 5 === 0 ? next() % sane.length : sane.length));
    for (let i = 1 + (next() % 3); i > 0 && bytes.length > 0; i--)
      bytes[next() % Math.min(bytes.length, 4300)] = next();
    try {
      const source = openImage(write(bytes));
      await source.read(new Uint8Array(1 << 20));
      source.close();
    } catch (error) {
      expect(error).toBeInstanceOf(PageferryError);
    }
  }
});
