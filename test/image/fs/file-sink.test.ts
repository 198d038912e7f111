import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { createFileSink } from '../../../src/image/fs/file-sink.js';
import { MAX_OPEN_FILES } from '../../../src/image/fs/open-file.js';
import { removePartialFiles } from '../../../src/image/fs/partial-file.js';
import { seeded } from '../../support/kernels.js';
import {
  asOtherUser,
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

afterEach(() => {
  vi.restoreAllMocks();
});

test('pages and zero pages of any size are stored, and can be read back before the image is complete', async () => {
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
    await sink.finish(position);
    expect(fs.readFileSync(path).equals(image.subarray(0, position))).toBe(true);
    expect(others(path)).toEqual([]);
  }
});

test('zero pages are holes', async () => {
  const path = newPath();
  const sink = createFileSink(path);
  const page = randomBytes(PAGE, 2);
  for (let i = 0; i < 64; i++) {
    sink.write(page, i << 20);
    sink.zero((i << 20) + PAGE, (1 << 20) - PAGE);
  }
  await sink.finish(64 << 20);
  const stat = fs.statSync(path);
  expect(stat.size).toBe(64 << 20);
  expect(stat.blocks * 512).toBeLessThan(2 << 20);
});

describe('an incomplete image has no name', () => {
  test('abort leaves nothing, and the previous file stays', async () => {
    const path = newPath();
    fs.writeFileSync(path, 'the old image');
    const sink = createFileSink(path);
    sink.write(randomBytes(3 << 20, 3), 0);
    sink.abort();
    sink.abort();
    expect(fs.readFileSync(path, 'utf8')).toBe('the old image');
    expect(others(path)).toEqual([]);
    expect(() => sink.write(new Uint8Array(1), 0)).toThrow(`${path}: used after abort`);
    await expect(sink.finish(0)).rejects.toThrow(`${path}: used after abort`);
  });

  test('a finish that fails leaves nothing', async () => {
    const path = newPath();
    const sink = createFileSink(path);
    sink.write(randomBytes(PAGE, 4), 0);
    fs.mkdirSync(path);
    await expect(sink.finish(PAGE)).rejects.toThrow(
      `${path}: cannot finish: illegal operation on a directory (EISDIR)`,
    );
    expect(others(path)).toEqual([]);
    const huge = createFileSink(newPath());
    await expect(huge.finish(2 ** 52)).rejects.toThrow(
      `cannot set the size to ${2 ** 52} bytes: file too large (EFBIG)`,
    );
  });

  test('a program that a signal ends can remove all partial files', () => {
    const path = newPath();
    const sink = createFileSink(path);
    removePartialFiles();
    expect(others(path)).toEqual([]);
    sink.abort();
  });

  const disk = tinyDisk();
  test.skipIf(!disk)('a full disk (skipped without the right to mount a small tmpfs)', async () => {
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
      /guest\.raw: cannot write \d+ bytes at \d+: no space left on device \(ENOSPC\)/,
    );
    // A caller that ignores the error gets no image either, but the same error again.
    await expect(sink.finish(1000 * PAGE)).rejects.toBe(failure);
    expect(fileNames(disk!)).toEqual([]);
    const late = createFileSink(path);
    for (let i = 0; i < 100; i++) late.write(page, i * PAGE);
    // Bytes in the staging buffer.
    await expect(late.finish(100 * PAGE)).rejects.toThrow('no space left on device (ENOSPC)');
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

test('a file that is replaced keeps its permissions, a link stays a link', async () => {
  const path = newPath();
  fs.writeFileSync(path, '');
  fs.chmodSync(path, 0o640);
  const link = join(path, '..', 'link');
  fs.symlinkSync('guest.raw', link);
  const sink = createFileSink(link);
  sink.write(Buffer.from('new'), 0);
  await sink.finish(3);
  expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
  expect(fs.readFileSync(path, 'utf8')).toBe('new');
  expect(fs.statSync(path).mode & 0o777).toBe(0o640);
});

test('a path that cannot be written is refused with the reason', () => {
  expect(() => createFileSink(folder)).toThrow(`${folder}: is a directory; name a file to write`);
  const nowhere = join(folder, 'no', 'such', 'guest.raw');
  expect(() => createFileSink(nowhere)).toThrow(
    `${nowhere}: the folder ${join(folder, 'no', 'such')} does not exist; create it first`,
  );
  expect(() => createFileSink(nowhere)).toThrow(
    expect.objectContaining({ code: 'io', name: 'PageferryError' }),
  );
});

test.skipIf(!isRoot)('a directory of another user (skipped except for root, which can change users)', () => {
  fs.chmodSync(folder, 0o755);
  const path = newPath();
  expect(() => asOtherUser(() => createFileSink(path))).toThrow(
    `${path}: cannot create: permission denied (EACCES)`,
  );
});

describe('devices and pipes are written directly', () => {
  test('/dev/null takes everything and cannot be read back', async () => {
    const sink = createFileSink('/dev/null');
    sink.write(randomBytes(PAGE, 6), 0);
    sink.zero(PAGE, 1 << 20);
    expect(() => sink.readAt(new Uint8Array(1), 0)).toThrow('/dev/null: cannot be read back (at 0)');
    expect(() => sink.write(new Uint8Array(1), 5)).toThrow(
      `/dev/null: cannot write at 5 after ${PAGE + (1 << 20)} bytes`,
    );
    await sink.finish(2 << 20);
    expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test.skipIf(!fs.existsSync('/dev/full'))('/dev/full is full (skipped where there is none)', () => {
    const sink = createFileSink('/dev/full');
    expect(() => sink.write(new Uint8Array(PAGE), 0)).toThrow(
      '/dev/full: cannot write 4096 bytes: no space left on device (ENOSPC)',
    );
    expect(() => sink.finish(PAGE)).toThrow(
      '/dev/full: cannot write 4096 bytes: no space left on device (ENOSPC)',
    );
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
      await sink.finish(310_000);
      await ended;
      const image = Buffer.alloc(310_000);
      image.set(page, 200_000);
      image.set(page, 300_000);
      expect(fs.readFileSync(copy).equals(image)).toBe(true);
      expect(fs.statSync(path).isFIFO()).toBe(true);
    },
  );
});

test('an image can be read by its owner only, unless another mode is asked for', async () => {
  const umask = process.umask(0o022);
  try {
    for (const [mode, expected] of [
      [undefined, 0o600],
      [0o644, 0o644],
    ] as const) {
      const path = newPath();
      await createFileSink(path, mode === undefined ? {} : { mode }).finish(0);
      expect(fs.statSync(path).mode & 0o777).toBe(expected);
    }
  } finally {
    process.umask(umask);
  }
});

test('an image is synced before it gets its name, and so is its directory afterwards', async () => {
  const path = newPath();
  const calls: string[] = [];
  const { fsync } = fs;
  vi.spyOn(fs, 'fsync').mockImplementation(((fd: number, done: fs.NoParamCallback) => {
    const kind = fs.fstatSync(fd).isDirectory() ? 'directory' : 'file';
    calls.push(`${kind} ${fs.existsSync(path) ? 'after' : 'before'} the name`);
    fsync(fd, done);
  }) as typeof fs.fsync);
  const sink = createFileSink(path);
  sink.write(randomBytes(PAGE, 9), 0);
  await sink.finish(PAGE);
  expect(calls).toEqual(['file before the name', 'directory after the name']);
});

test.skipIf(process.platform !== 'linux')(
  'more sinks than descriptors are in use at a time, and all can be read back (counted on Linux)',
  async () => {
    const inside = newFolder();
    const count = MAX_OPEN_FILES + 50;
    const descriptors = () => fs.readdirSync('/proc/self/fd').length;
    const before = descriptors();
    const page = (i: number) => Buffer.alloc(PAGE, `image ${i}`);
    const sinks = Array.from({ length: count }, (_, i) => {
      const sink = createFileSink(join(inside, `${i}.raw`));
      sink.write(page(i), 0);
      return sink;
    });
    expect(descriptors()).toBeLessThanOrEqual(before + MAX_OPEN_FILES);
    for (const [i, sink] of sinks.entries()) {
      const back = Buffer.alloc(PAGE);
      expect(sink.readAt(back, 0)).toBe(PAGE);
      expect(back.equals(page(i))).toBe(true);
    }
    for (const sink of sinks) await sink.finish(PAGE);
    for (let i = 0; i < count; i++)
      expect(fs.readFileSync(join(inside, `${i}.raw`)).equals(page(i))).toBe(true);
    expect(descriptors()).toBe(before);
  },
);
