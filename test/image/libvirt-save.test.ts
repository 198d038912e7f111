import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { openImageFile } from '../../src/image/image-file.js';
import { decompress } from '../../src/image/libvirt-save/decompress.js';
import { openQemuStream } from '../../src/image/qemu-migration/qemu-migration.js';
import { PageferryError } from '../../src/page/error.js';
import { craftedStream, noiseOf } from '../../testing/qemu/crafted-guest.js';
import { fixture } from '../../testing/qemu/replay.js';
import { done, fails } from '../cli/in-process.js';
import { SAVE_PROGRAMS, type SaveFields, saved } from './libvirt-support.js';
import { hasProgram, readAll, testFolder } from './support.js';

const folder = testFolder();
const file = (name: string) => join(folder, name);

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
  const refused: [SaveFields, RegExp][] = [
    [{ magic: 'LibvirtQemudPart' }, /has not completed this save file; save again/],
    [{ compression: 1 }, /gzip cannot decompress the stream at 4096: gzip: stdin: not in gzip format/],
    [{ compression: 6 }, /has no RAM section with the capability mapped-ram at 4096/],
    [{ compression: 77 }, /unknown compression 77/],
    [{ version: 3 }, /version 3; versions 1 and 2 are read/],
    [{ dataBytes: 0xffff_ffff }, /would begin at 4294967387, the file has \d+ bytes: it is truncated/],
    [{ dataBytes: 1000 }, /cannot be parsed from byte 1092 on/],
  ];
  for (const [fields, message] of refused)
    await fails(1, ['pack', write(saved(craftedStream([memory]), fields)), '-o', file('x')], message);
});

/** The programs that libvirt compresses with, and their numbers; 0 is none. */
const PROGRAMS = SAVE_PROGRAMS.map((program, compression) => [program, compression] as const).slice(1);

/** Whether a program is not installed; the reason is printed. */
function isMissing(program: string): boolean {
  if (hasProgram(program)) return false;
  console.log(`skipped: save files of ${program}: it is not installed`);
  return true;
}

describe('compressed save files', () => {
  const stream = craftedStream([memory]);
  /** A program's output, which is what libvirt appends to its header. */
  const compressed = (program: string, content: Uint8Array) =>
    spawnSync(program, ['-c'], { input: content, maxBuffer: 1 << 26 }).stdout;

  test.each(PROGRAMS)('%s: the memory, and the same file', async (program, compression) => {
    if (isMissing(program)) return;
    const bytes = saved(compressed(program, stream), { compression });
    await done(['pack', write(bytes), '-o', file('packed')]);
    await done(['unpack', file('packed'), '-o', file('back')]);
    expect(fs.readFileSync(file('back')).equals(bytes)).toBe(true);
    await done(['unpack', file('packed'), '-o', file('raw'), '--as', 'raw']);
    expect(fs.readFileSync(file('raw')).equals(memory)).toBe(true);
    const blocking = openImage(write(bytes));
    expect((await readAll(blocking)).equals(memory)).toBe(true);
    blocking.close();
    const pack = ['pack', file('guest.save'), '-o', file('x')];
    write(bytes.subarray(0, bytes.length - 20));
    await fails(1, pack, new RegExp(`guest.save: ${program} cannot decompress the stream at 4096: `));
    write(saved(compressed(program, Buffer.alloc(5000)), { compression }));
    await fails(1, pack, /guest.save \(decompressed\): cannot be parsed from byte 0 on/);
  });

  test('the program is not installed: the command that decompresses', async () => {
    write(saved(stream, { compression: 5 }));
    vi.stubEnv('PATH', folder);
    fs.symlinkSync('/bin/sh', file('sh'));
    const remedy =
      /compressed with zstd, which is not installed; .*tail -c \+4097 FILE \| zstd -dc > guest\.mig/;
    await fails(1, ['pack', file('guest.save'), '-o', file('x')], remedy);
    vi.unstubAllEnvs();
  });

  test.each(PROGRAMS)(
    '%s: a content that is larger than the limit is refused, and nothing is kept of it',
    async (program, compression) => {
      if (isMissing(program)) return;
      const bytes = saved(compressed(program, Buffer.alloc(32 << 20)), { compression });
      const image = openImageFile(write(bytes))!;
      const inTemporary = () =>
        fs.readdirSync(tmpdir()).filter((name) => name.startsWith(`pageferry-${process.pid}-`));
      const before = inTemporary();
      for (const maxBytes of [1 << 20, (32 << 20) - 512])
        await expect(decompress({ file: image, start: 4096, program, maxBytes }, {})).rejects.toThrow(
          new RegExp(`its stream has more than ${maxBytes} bytes.*set TMPDIR`),
        );
      const content = await decompress({ file: image, start: 4096, program, maxBytes: 33 << 20 }, {});
      expect(content.bytes).toBe(32 << 20);
      content.handle.close();
      image.handle.close();
      expect(inTemporary()).toEqual(before);
    },
  );

  test('no descriptor stays open', () => {
    const before = fs.readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 3; i++) {
      write(saved(compressed('gzip', stream), { compression: 1 }));
      openImage(file('guest.save')).close();
      write(saved(stream, { compression: 1 }));
      expect(() => openImage(file('guest.save'))).toThrow(PageferryError);
    }
    expect(fs.readdirSync('/proc/self/fd').length).toBe(before);
  });
});

test('inspect reports the version, the compression and the state of the guest', async () => {
  const { stdout } = await done(['inspect', write(saved(craftedStream([memory]), { compression: 1 }))]);
  expect(stdout.toString()).toMatch(/version 2[\s\S]*gzip[\s\S]*running[\s\S]*not packed/);
});
