import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { createReadableSink } from '../../../src/image/fs/readable-sink.js';
import { createScratchSink } from '../../../src/image/fs/scratch-sink.js';
import { PageferryError } from '../../../src/page/error.js';
import { seeded } from '../../support/kernels.js';
import { growAndReadBack, hasProgram, randomBytes, run, testFolder } from '../support.js';

const folder = testFolder();
const PAGE = 4096;

test('pages can be read back, holes and the hole at the end as zeros', () => {
  const next = seeded(3);
  const sink = createScratchSink();
  const image = Buffer.alloc(8 << 20);
  let position = 0;
  for (let i = 0; i < 200; i++) {
    const bytes = 1 + (next() % (8 * PAGE));
    position = growAndReadBack(sink, image, position, bytes, next);
  }
  sink.abort();
});

test('its file has no name, and is closed by finish or abort, also when called twice', () => {
  const mine = () => fs.readdirSync(tmpdir()).filter((name) => name.startsWith(`pageferry-${process.pid}-`));
  const descriptors = () => fs.readdirSync('/proc/self/fd').length;
  const before = fs.existsSync('/proc/self/fd') ? descriptors() : undefined;
  for (const end of ['finish', 'abort'] as const) {
    const sink = createScratchSink();
    sink.write(randomBytes(PAGE, 1), 0);
    expect(mine()).toEqual([]);
    sink[end](PAGE);
    sink[end](PAGE);
    sink.abort();
  }
  if (before !== undefined) expect(descriptors()).toBe(before);
});

test('a call after abort is refused: the descriptor may belong to another file', () => {
  const path = join(folder, 'innocent');
  const sink = createScratchSink();
  sink.write(randomBytes(PAGE, 1), 0);
  sink.abort();
  const fd = fs.openSync(path, 'w+');
  expect(() => sink.write(Buffer.from('gone'), 0)).toThrow(PageferryError);
  expect(() => sink.readAt(Buffer.alloc(4), 0)).toThrow(PageferryError);
  expect(() => sink.zero(0, 4)).toThrow('used after abort');
  fs.closeSync(fd);
  expect(fs.statSync(path).size).toBe(0);
});

test('a temporary directory that cannot be written is named', () => {
  const { TMPDIR } = process.env;
  process.env.TMPDIR = join(folder, 'missing');
  try {
    expect(() => createScratchSink()).toThrow(
      /missing\/pageferry-\d+-\w+: cannot create: no such file or directory \(ENOENT\)$/,
    );
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
});

test.skipIf(!fs.existsSync('/proc/self/fd'))(
  'thousands of sinks share one descriptor, and each keeps its own image (counted on Linux)',
  () => {
    const descriptors = () => fs.readdirSync('/proc/self/fd').length;
    const before = descriptors();
    const page = (i: number) => Buffer.alloc(PAGE, `image ${i}`);
    const sinks = Array.from({ length: 2000 }, () => createScratchSink());
    for (const [i, sink] of sinks.entries()) {
      sink.zero(0, PAGE);
      sink.write(page(i), PAGE);
    }
    expect(descriptors()).toBeLessThanOrEqual(before + 1);
    for (const [i, sink] of sinks.entries()) {
      const back = Buffer.alloc(3 * PAGE, 0xee);
      expect(sink.readAt(back, 0)).toBe(2 * PAGE);
      expect(back.subarray(0, 2 * PAGE).equals(Buffer.concat([Buffer.alloc(PAGE), page(i)]))).toBe(true);
    }
    for (const sink of sinks) sink.abort();
    expect(descriptors()).toBe(before);
  },
);

test.skipIf(!hasProgram('mkfifo') || process.platform !== 'linux')(
  'a pipe is closed again if there is no scratch file for its bytes (counted on Linux with mkfifo)',
  () => {
    const pipe = join(folder, 'pipe');
    run('mkfifo', [pipe]);
    const reader = fs.openSync(pipe, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const descriptors = () => fs.readdirSync('/proc/self/fd').length;
    const before = descriptors();
    const { TMPDIR } = process.env;
    process.env.TMPDIR = '/nonexistent';
    try {
      expect(() => createReadableSink(pipe)).toThrow(/^\/nonexistent\/.*: cannot create/);
    } finally {
      if (TMPDIR === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = TMPDIR;
    }
    expect(descriptors()).toBe(before);
    fs.closeSync(reader);
  },
);

test('a full temporary directory is reported with the remedy', () => {
  const sink = createScratchSink();
  vi.spyOn(fs, 'writeSync').mockImplementation(() => {
    throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  });
  try {
    const message =
      /cannot write 4096 bytes at 0: no space left on device \(ENOSPC\); set TMPDIR to a directory with 4096/;
    expect(() => sink.write(randomBytes(PAGE, 1), 0)).toThrow(message);
    expect(() => sink.zero(PAGE, PAGE)).toThrow(message);
  } finally {
    vi.restoreAllMocks();
    sink.abort();
  }
});
