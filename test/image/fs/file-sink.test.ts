import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { createFileSink } from '../../../src/image/fs/file-sink.js';
import { removePartialFiles } from '../../../src/image/fs/output.js';
import { seeded } from '../../support/kernels.js';
import {
  asNobody,
  fileNames,
  folderMaker,
  growAndReadBack,
  hasProgram,
  isRoot,
  randomBytes,
  run,
  testFolder,
} from '../support.js';

const folder = testFolder();
const PAGE = 4096;
const newFolder = folderMaker(folder);
const newPath = () => join(newFolder(), 'guest.raw');
const others = (path: string) => fileNames(join(path, '..')).filter((name) => name !== 'guest.raw');

test('pages and zero pages of any size come out as they went in, and can be read back on the way', () => {
  const next = seeded(1);
  for (let round = 0; round < 20; round++) {
    const path = newPath();
    const sink = createFileSink(path);
    const image = Buffer.alloc(4 << 20);
    const sizes = [100, PAGE, 65536, 300_000];
    let position = 0;
    for (let i = 0; i < 60 && position < 3 << 20; i++) {
      const bytes = sizes[next() % sizes.length]!;
      position = growAndReadBack(sink, image, position, bytes, next);
    }
    expect(fs.existsSync(path)).toBe(false);
    expect(others(path)).toHaveLength(1);
    expect(others(path)[0]).toMatch(/^\.guest\.raw\.partial-[0-9a-f]{12}$/);
    sink.finish(position);
    expect(fs.readFileSync(path).equals(image.subarray(0, position))).toBe(true);
    expect(others(path)).toEqual([]);
  }
});

test('zero pages are holes', () => {
  const path = newPath();
  const sink = createFileSink(path);
  const page = randomBytes(PAGE, 2);
  for (let i = 0; i < 64; i++) {
    sink.write(page, i << 20);
    sink.zero((i << 20) + PAGE, (1 << 20) - PAGE);
  }
  sink.finish(64 << 20);
  const stat = fs.statSync(path);
  expect(stat.size).toBe(64 << 20);
  expect(stat.blocks * 512).toBeLessThan(2 << 20);
});

describe('until it is whole there is no image', () => {
  test('abort leaves nothing, and what stood there stays', () => {
    const path = newPath();
    fs.writeFileSync(path, 'the old image');
    const sink = createFileSink(path);
    sink.write(randomBytes(3 << 20, 3), 0);
    sink.abort();
    sink.abort();
    expect(fs.readFileSync(path, 'utf8')).toBe('the old image');
    expect(others(path)).toEqual([]);
    expect(() => sink.write(new Uint8Array(1), 0)).toThrow('used after finish or abort');
    expect(() => sink.finish(0)).toThrow('used after finish or abort');
  });

  test('a finish that fails leaves nothing', () => {
    const path = newPath();
    const sink = createFileSink(path);
    sink.write(randomBytes(PAGE, 4), 0);
    fs.mkdirSync(path);
    expect(() => sink.finish(PAGE)).toThrow(`${path}: cannot finish: E`);
    expect(others(path)).toEqual([]);
    const huge = createFileSink(newPath());
    expect(() => huge.finish(2 ** 52)).toThrow(`cannot give it its size of ${2 ** 52} bytes: EFBIG`);
  });

  test('a program that is ended can clean up at once', () => {
    const path = newPath();
    const sink = createFileSink(path);
    removePartialFiles();
    expect(others(path)).toEqual([]);
    sink.abort();
  });

  const disk = tinyDisk();
  test.skipIf(!disk)('a full disk (skipped where a small tmpfs cannot be mounted: that takes root)', () => {
    const path = join(disk!, 'guest.raw');
    const sink = createFileSink(path);
    const page = randomBytes(PAGE, 5);
    let failure: unknown;
    try {
      for (let i = 0; i < 1000; i++) sink.write(page, i * PAGE);
    } catch (error) {
      failure = error;
    }
    expect(String(failure)).toMatch(
      /guest\.raw: cannot write \d+ bytes at \d+: ENOSPC: no space left on device/,
    );
    // Even who does not heed the error gets no image with a piece missing.
    expect(() => sink.finish(1000 * PAGE)).toThrow('cannot finish: a write before has failed');
    expect(fileNames(disk!)).toEqual([]);
    const late = createFileSink(path);
    for (let i = 0; i < 100; i++) late.write(page, i * PAGE);
    expect(() => late.finish(100 * PAGE)).toThrow('ENOSPC'); // what was staged until now
    expect(fileNames(disk!)).toEqual([]);
  });
});

function tinyDisk(): string | undefined {
  const mounted = join(folder, 'disk');
  fs.mkdirSync(mounted);
  try {
    run('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mounted]);
  } catch {
    return undefined;
  }
  afterAll(() => run('umount', [mounted]));
  return mounted;
}

test('a file that is replaced keeps its permissions, a link stays a link', () => {
  const path = newPath();
  fs.writeFileSync(path, '');
  fs.chmodSync(path, 0o640);
  const link = join(path, '..', 'link');
  fs.symlinkSync('guest.raw', link);
  const sink = createFileSink(link);
  sink.write(Buffer.from('new'), 0);
  sink.finish(3);
  expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
  expect(fs.readFileSync(path, 'utf8')).toBe('new');
  expect(fs.statSync(path).mode & 0o777).toBe(0o640);
});

test('what cannot be written says why', () => {
  expect(() => createFileSink(folder)).toThrow(`${folder}: is a directory, not a file to write`);
  const nowhere = join(folder, 'no', 'such', 'guest.raw');
  expect(() => createFileSink(nowhere)).toThrow(
    `${nowhere}: cannot create: ENOENT: no such file or directory`,
  );
  expect(() => createFileSink(nowhere)).toThrow(
    expect.objectContaining({ code: 'io', name: 'PageferryError' }),
  );
});

test.skipIf(!isRoot)('a folder of someone else (only root can try: skipped for others)', () => {
  fs.chmodSync(folder, 0o755);
  const path = newPath();
  expect(() => asNobody(() => createFileSink(path))).toThrow(`${path}: cannot create: EACCES`);
});

describe('devices and pipes are written straight', () => {
  test('/dev/null takes everything and gives nothing back', () => {
    const sink = createFileSink('/dev/null');
    sink.write(randomBytes(PAGE, 6), 0);
    sink.zero(PAGE, 1 << 20);
    expect(() => sink.readAt(new Uint8Array(1), 0)).toThrow('/dev/null: cannot be read back (at 0)');
    expect(() => sink.write(new Uint8Array(1), 5)).toThrow(
      `/dev/null: cannot go back to 5, is at ${PAGE + (1 << 20)} already`,
    );
    sink.finish(2 << 20);
    expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test.skipIf(!fs.existsSync('/dev/full'))('/dev/full is full (skipped where there is none)', () => {
    const sink = createFileSink('/dev/full');
    expect(() => sink.write(new Uint8Array(PAGE), 0)).toThrow('/dev/full: cannot write 4096 bytes: ENOSPC');
    expect(() => sink.finish(PAGE)).toThrow('a write before has failed');
  });

  test.skipIf(!hasProgram('mkfifo'))(
    'a pipe gets zeros for zero pages and gaps (skipped without mkfifo)',
    async () => {
      const path = newPath();
      const copy = `${path}.copy`;
      run('mkfifo', [path]);
      const reader = spawn('sh', ['-c', 'cat "$1" > "$2"', 'sh', path, copy]);
      const ended = once(reader, 'close');
      const sink = createFileSink(path);
      const page = randomBytes(PAGE, 7);
      sink.zero(0, 200_000);
      sink.write(page, 200_000);
      sink.write(page, 300_000);
      sink.finish(310_000);
      await ended;
      const image = Buffer.alloc(310_000);
      image.set(page, 200_000);
      image.set(page, 300_000);
      expect(fs.readFileSync(copy).equals(image)).toBe(true);
      expect(fs.statSync(path).isFIFO()).toBe(true);
    },
  );
});
