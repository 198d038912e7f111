import fs from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { openImage } from '../../src/image/formats.js';
import { makeCore } from './elf-support.js';
import { randomBytes, readAll, testFolder } from './support.js';

const path = join(testFolder(), 'file');

test.each([
  ['packed stream of pageferry', Buffer.from('\x89PFY\r\n\x1a\n\x01\0', 'latin1'), 'pageferry unpack'],
  ['stream of pageferry store export', Buffer.from('PFSTEXPT'), 'pageferry store import'],
  ['gzip', zlib.gzipSync(randomBytes(5000, 1)), 'decompress it first'],
  ['zstd', Buffer.from('28b52ffd0458', 'hex'), 'decompress it first'],
  ['VMware state (.vmss, .vmsn)', Buffer.from('d2bed2be00000000', 'hex'), '.vmem file beside it'],
  ['Windows crash dump (MEMORY.DMP)', Buffer.from('PAGEDU64'), 'order of their own'],
  [
    'saved state of VirtualBox (.sav)',
    Buffer.from('\x7fVirtualBox SavedState V2.0\n', 'latin1'),
    'dumpvmcore',
  ],
  ['ELF, but not a core', makeCore([], { type: 2 }), 'it is a program'],
  ['ELF, but not a core', Buffer.from('\x7fELF\x02\x01', 'latin1'), 'it is a program'],
  ['qcow2 disk image', Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'), 'qemu-img convert'],
])('a file of the kind %s is refused unless it is asked for as raw', async (kind, bytes, remedy) => {
  fs.writeFileSync(path, bytes);
  expect(() => openImage(path)).toThrow(
    expect.objectContaining({
      code: 'unsupported',
      message: expect.stringContaining(`${path}: is a file of the kind ${kind}; `),
    }),
  );
  expect(() => openImage(path)).toThrow(remedy);
  expect(() => openImage(path)).toThrow('set the format to raw (--format raw)');
  const source = openImage(path, { format: 'raw' });
  expect((await readAll(source)).equals(bytes)).toBe(true);
  source.close();
});
