import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createScratchSink } from '../../../src/image/fs/scratch-sink.js';
import { PageferryError } from '../../../src/page/error.js';
import { seeded } from '../../support/kernels.js';
import { growAndReadBack, randomBytes, testFolder } from '../support.js';

const folder = testFolder();
const PAGE = 4096;

test('what was written can be read back, holes and the hole at the end as zeros', () => {
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

test('it has no name, and is gone when it is finished or aborted, however often', () => {
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

test('a late call is refused: the descriptor may be another file’s by then', () => {
  const path = join(folder, 'innocent');
  const sink = createScratchSink();
  sink.write(randomBytes(PAGE, 1), 0);
  sink.abort();
  const fd = fs.openSync(path, 'w+');
  expect(() => sink.write(Buffer.from('gone'), 0)).toThrow(PageferryError);
  expect(() => sink.readAt(Buffer.alloc(4), 0)).toThrow(PageferryError);
  expect(() => sink.zero(0, 4)).toThrow('used after finish or abort');
  fs.closeSync(fd);
  expect(fs.statSync(path).size).toBe(0);
});

test('a temporary folder that cannot be written is named', () => {
  const { TMPDIR } = process.env;
  process.env.TMPDIR = join(folder, 'missing');
  try {
    expect(() => createScratchSink()).toThrow(
      /missing\/pageferry-\d+-\w+: cannot create: ENOENT: no such file or directory$/,
    );
  } finally {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  }
});
