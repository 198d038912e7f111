import { spawn } from 'node:child_process';
import { getEventListeners, once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createAtomicWriter } from '../../../src/image/fs/atomic-file.js';
import { fileNames, folderMaker, hasProgram, randomBytes, run, testFolder } from '../support.js';

const newFolder = folderMaker(testFolder());
const newPath = () => join(newFolder(), 'guest.pf');
const namesBeside = (path: string) => fileNames(join(path, '..'));
const modeOf = (path: string) => fs.statSync(path).mode & 0o777;

afterEach(() => {
  vi.restoreAllMocks();
});

test('the file has its name only after commit', async () => {
  const path = newPath();
  const writer = createAtomicWriter(path);
  const chunks = [randomBytes(1, 1), randomBytes(100_000, 2), randomBytes(3 << 20, 3)];
  for (const chunk of chunks) await writer.write(chunk);
  expect(namesBeside(path)).toEqual([expect.stringMatching(/^\.guest\.pf\.partial-[0-9a-f]{12}$/)]);
  await writer.commit();
  expect(namesBeside(path)).toEqual(['guest.pf']);
  expect(fs.readFileSync(path).equals(Buffer.concat(chunks))).toBe(true);
  await expect(writer.write(chunks[0]!)).rejects.toThrow(`${path}: used after commit`);
  await expect(writer.commit()).rejects.toThrow(`${path}: used after commit`);
  writer.abort();
  expect(fs.existsSync(path)).toBe(true);
});

test('file and directory are synced: the file before it gets its name, the directory after', async () => {
  const path = newPath();
  const calls: string[] = [];
  const { fsync, renameSync } = fs;
  vi.spyOn(fs, 'fsync').mockImplementation(((fd: number, done: fs.NoParamCallback) => {
    calls.push(fs.fstatSync(fd).isDirectory() ? 'sync directory' : 'sync file');
    fsync(fd, done);
  }) as typeof fs.fsync);
  vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
    calls.push('rename');
    renameSync(from, to);
  });
  const writer = createAtomicWriter(path);
  await writer.write(randomBytes(1000, 1));
  await writer.commit();
  expect(calls).toEqual(['sync file', 'rename', 'sync directory']);
});

test('a file that cannot be synced does not get its name', async () => {
  const path = newPath();
  vi.spyOn(fs, 'fsync').mockImplementation(((_: number, done: fs.NoParamCallback) =>
    done(Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' }))) as typeof fs.fsync);
  const writer = createAtomicWriter(path);
  await expect(writer.commit()).rejects.toThrow(`${path}: cannot finish: i/o error (EIO)`);
  expect(namesBeside(path)).toEqual([]);
});

describe('permissions', () => {
  test('a new file can be read by its owner only, unless another mode is asked for', async () => {
    const umask = process.umask(0o022);
    try {
      for (const [mode, expected] of [
        [undefined, 0o600],
        [0o640, 0o640],
        [0o666, 0o666],
      ] as const) {
        const path = newPath();
        await createAtomicWriter(path, mode === undefined ? {} : { mode }).commit();
        expect(modeOf(path)).toBe(expected);
      }
    } finally {
      process.umask(umask);
    }
  });

  test('a file that is replaced keeps its permissions, unless another mode is asked for', async () => {
    const path = newPath();
    fs.writeFileSync(path, 'old');
    fs.chmodSync(path, 0o640);
    await createAtomicWriter(path).commit();
    expect(modeOf(path)).toBe(0o640);
    await createAtomicWriter(path, { mode: 0o600 }).commit();
    expect(modeOf(path)).toBe(0o600);
  });
});

describe('abort', () => {
  test('leaves nothing, and the previous file stays', async () => {
    const path = newPath();
    fs.writeFileSync(path, 'the old one');
    const writer = createAtomicWriter(path);
    await writer.write(randomBytes(1000, 4));
    writer.abort();
    writer.abort();
    expect(namesBeside(path)).toEqual(['guest.pf']);
    expect(fs.readFileSync(path, 'utf8')).toBe('the old one');
    await expect(writer.commit()).rejects.toThrow(`${path}: used after abort`);
  });

  test('with a write in flight removes the file at once, and both calls reject with the cause', async () => {
    const path = newPath();
    const writer = createAtomicWriter(path);
    const cause = new Error('the user has pressed Ctrl-C');
    const writing = writer.write(randomBytes(8 << 20, 5));
    writer.abort(cause);
    expect(namesBeside(path)).toEqual([]); // at once: the program may be about to exit
    await expect(writing).rejects.toBe(cause);
    await expect(writer.commit()).rejects.toBe(cause);
    expect(namesBeside(path)).toEqual([]);
  });

  test('by a signal rejects with its reason', async () => {
    const path = newPath();
    const controller = new AbortController();
    const writer = createAtomicWriter(path, { signal: controller.signal });
    await writer.write(randomBytes(1000, 6));
    const reason = new Error('cancelled');
    controller.abort(reason);
    expect(namesBeside(path)).toEqual([]);
    await expect(writer.write(randomBytes(1, 7))).rejects.toBe(reason);
    expect(() => createAtomicWriter(path, { signal: controller.signal })).toThrow(reason);
  });

  test('during commit removes the file', async () => {
    const path = newPath();
    const writer = createAtomicWriter(path);
    await writer.write(randomBytes(1000, 8));
    const cause = new Error('too late');
    const committing = writer.commit();
    writer.abort(cause);
    await expect(committing).rejects.toBe(cause);
    await new Promise((resolve) => setTimeout(resolve, 50)); // the sync in flight ends
    expect(namesBeside(path)).toEqual([]);
  });
});

test('a commit that fails leaves nothing', async () => {
  const path = newPath();
  const writer = createAtomicWriter(path);
  fs.mkdirSync(path);
  await expect(writer.commit()).rejects.toThrow(
    `${path}: cannot finish: illegal operation on a directory (EISDIR)`,
  );
  expect(namesBeside(path)).toEqual(['guest.pf']);
  expect(fs.statSync(path).isDirectory()).toBe(true);
  expect(() => createAtomicWriter(path)).toThrow(`${path}: is a directory; name a file to write`);
});

describe('names', () => {
  test('of 255 bytes are written, also of several bytes per character', async () => {
    for (const name of ['x'.repeat(255), 'ß'.repeat(127)]) {
      const path = join(newFolder(), name);
      const writer = createAtomicWriter(path);
      await writer.write(randomBytes(10, 1));
      await writer.commit();
      expect(namesBeside(path)).toEqual([name]);
    }
  });

  test('a link to a missing file stays a link, and the file is created', async () => {
    const path = newPath();
    fs.symlinkSync('real.pf', path);
    await createAtomicWriter(path).commit();
    expect(fs.lstatSync(path).isSymbolicLink()).toBe(true);
    expect(namesBeside(path)).toEqual(['guest.pf', 'real.pf']);
  });
});

test('a mount point, which cannot be replaced, is overwritten', async () => {
  const path = newPath();
  fs.writeFileSync(path, 'a longer old content than the new one');
  // As the kernel answers for a mount point: tests need no right to mount.
  vi.spyOn(fs, 'renameSync').mockImplementation(() => {
    throw Object.assign(new Error('EBUSY: resource busy or locked, rename'), { code: 'EBUSY' });
  });
  const writer = createAtomicWriter(path);
  await writer.write(Buffer.from('new'));
  await writer.commit();
  expect(fs.readFileSync(path, 'utf8')).toBe('new');
  expect(namesBeside(path)).toEqual(['guest.pf']);
});

describe('a write that fails', () => {
  const failWrites = (code: string) => {
    let calls = 0;
    const fail = (...args: unknown[]) => {
      calls++;
      (args.at(-1) as (cause: Error) => void)(Object.assign(new Error(`${code}: no`), { code }));
    };
    vi.spyOn(fs, 'write').mockImplementation(fail as unknown as typeof fs.write);
    return () => calls;
  };

  test('leaves nothing at once: no file, no descriptor, no listener', async () => {
    const path = newPath();
    const { signal } = new AbortController();
    const writer = createAtomicWriter(path, { signal });
    const closed = vi.spyOn(fs, 'closeSync');
    failWrites('ENOSPC');
    await expect(writer.write(new Uint8Array(10))).rejects.toThrow(`${path}: cannot write 10 bytes`);
    expect(namesBeside(path)).toEqual([]);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(closed).toHaveBeenCalledTimes(1);
    await expect(writer.commit()).rejects.toThrow(`${path}: cannot write 10 bytes`);
    writer.abort();
    expect(closed).toHaveBeenCalledTimes(1);
  });

  test('because a pipe is full is tried again, until the writer is aborted', async () => {
    const writer = createAtomicWriter(newPath());
    const calls = failWrites('EAGAIN');
    const writing = writer.write(new Uint8Array(10));
    const reason = new Error('stopped');
    setTimeout(() => writer.abort(reason), 50);
    await expect(writing).rejects.toBe(reason);
    const tried = calls();
    expect(tried).toBeGreaterThan(1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(calls()).toBe(tried);
  });
});

test.skipIf(!fs.existsSync('/dev/full'))(
  'after a failed write every call rejects with its cause (skipped without /dev/full)',
  async () => {
    const writer = createAtomicWriter('/dev/full');
    const message = '/dev/full: cannot write 10 bytes: no space left on device (ENOSPC)';
    await expect(writer.write(new Uint8Array(10))).rejects.toThrow(message);
    await expect(writer.commit()).rejects.toThrow(message);
    writer.abort();
    await expect(writer.write(new Uint8Array(1))).rejects.toThrow(message);
    expect(fs.statSync('/dev/full').isCharacterDevice()).toBe(true);
  },
);

test('/dev/null', async () => {
  const writer = createAtomicWriter('/dev/null');
  await writer.write(new Uint8Array(10));
  await writer.commit();
  expect(fs.statSync('/dev/null').isCharacterDevice()).toBe(true);
});

describe.skipIf(!hasProgram('mkfifo'))('a pipe (skipped without mkfifo)', () => {
  test('delays its writer, and reports when its reader has closed it', async () => {
    const path = newPath();
    run('mkfifo', [path]);
    const script = 'exec 3< "$1"; sleep 0.3; head -c 200000 <&3 > "$2"';
    const reader = spawn('sh', ['-c', script, 'sh', path, `${path}.copy`]);
    const ended = once(reader, 'close');
    const writer = createAtomicWriter(path);
    const bytes = randomBytes(100_000, 8);
    let wrote = false;
    const first = writer.write(bytes).then(() => {
      wrote = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(wrote).toBe(false);
    await first;
    await writer.write(bytes);
    await ended;
    await expect(writer.write(bytes)).rejects.toThrow(`${path}: closed by its reader`);
    writer.abort();
    expect(fs.readFileSync(`${path}.copy`).equals(Buffer.concat([bytes, bytes]))).toBe(true);
  });

  test('is opened even if nothing is written', async () => {
    const path = newPath();
    run('mkfifo', [path]);
    const ended = once(spawn('cat', [path]), 'close');
    await createAtomicWriter(path).commit();
    expect((await ended)[0]).toBe(0);
  });
});
