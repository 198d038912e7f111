import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test, vi } from 'vitest';
import { MAX_OPEN_FILES, OpenFile } from '../../src/image/fs/open-file.js';
import { createReadHandle } from '../../src/image/fs/read-handle.js';
import { openFileSource } from '../../src/image/raw.js';
import { traceImages } from '../../src/image/trace-folder.js';
import { asOtherUser, hasProgram, isRoot, randomBytes, readAll, run, testFolder } from './support.js';

const folder = testFolder();

function makeFile(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  fs.writeFileSync(path, bytes);
  return path;
}

test('a raw file can be read in order in steps of any size, and at any position', async () => {
  const bytes = randomBytes(100_003, 1);
  const path = makeFile('guest.raw', bytes);
  for (const step of [1000, 4096, 65536, 1 << 20]) {
    const source = openFileSource(path);
    expect(source.bytes).toBe(bytes.length);
    expect((await readAll(source, step)).equals(bytes)).toBe(true);
    const into = new Uint8Array(5000);
    expect(source.readAt!(into, 50_000)).toBe(5000);
    expect(Buffer.compare(into, bytes.subarray(50_000, 55_000))).toBe(0);
    expect(source.readAt!(into, 100_000)).toBe(3);
    expect(source.readAt!(into, 1e9)).toBe(0);
    expect(() => source.readAt!(into, -1)).toThrow('expected a position in bytes, got -1');
    source.close();
    await expect(source.read(into)).rejects.toThrow(`${path}: used after close`);
    expect(() => source.readAt!(into, 0)).toThrow(`${path}: used after close`);
  }
});

test('reads go directly into a WebAssembly memory', async () => {
  const bytes = randomBytes(65536, 2);
  const source = openFileSource(makeFile('wasm.raw', bytes));
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 2 });
  expect(await source.read(new Uint8Array(memory.buffer, 4096, 65536))).toBe(65536);
  expect(Buffer.from(memory.buffer, 4096, 65536).equals(bytes)).toBe(true);
  expect(new Uint8Array(memory.buffer, 0, 4096).every((byte) => byte === 0)).toBe(true);
  source.close();
});

test('concurrent reads return consecutive parts', async () => {
  const bytes = randomBytes(1 << 20, 3);
  const source = openFileSource(makeFile('ahead.raw', bytes));
  const parts = Array.from({ length: 4 }, () => Buffer.alloc(1 << 18));
  await Promise.all(parts.map((part) => source.read(part)));
  expect(Buffer.concat(parts).equals(bytes)).toBe(true);
  source.close();
});

test('holes read as zeros, and an empty file is an empty image', async () => {
  const path = join(folder, 'sparse.raw');
  fs.writeFileSync(path, 'head');
  fs.truncateSync(path, 3 << 20);
  const sparse = openFileSource(path);
  const image = await readAll(sparse);
  expect(image.length).toBe(3 << 20);
  expect(image.subarray(0, 4).toString()).toBe('head');
  expect(image.subarray(4).every((byte) => byte === 0)).toBe(true);
  sparse.close();
  const empty = openFileSource(makeFile('empty.raw', new Uint8Array(0)));
  expect(empty.bytes).toBe(0);
  expect((await readAll(empty)).length).toBe(0);
  empty.close();
});

test('a path that cannot be opened is refused with the reason', () => {
  expect(() => openFileSource(folder)).toThrow(`${folder}: is a directory; name an image file in it`);
  const store = join(folder, 'store');
  fs.mkdirSync(store);
  fs.writeFileSync(join(store, 'store.json'), '{}');
  expect(() => openFileSource(store)).toThrow(`${store}: is a store; pageferry store get`);
  expect(() => traceImages(store)).toThrow(`${store}: is a store; `);
  const missing = join(folder, 'missing.raw');
  expect(() => openFileSource(missing)).toThrow(
    `${missing}: cannot open: no such file or directory (ENOENT)`,
  );
  expect(() => openFileSource(missing)).toThrow(
    expect.objectContaining({ code: 'io', name: 'PageferryError' }),
  );
});

test.skipIf(!isRoot)('a file of another user (skipped except for root, which can change users)', () => {
  const path = makeFile('secret.raw', new Uint8Array(10));
  fs.chmodSync(path, 0o600);
  fs.chmodSync(folder, 0o755);
  expect(() => asOtherUser(() => openFileSource(path))).toThrow(
    `${path}: cannot open: permission denied (EACCES)`,
  );
});

test('a file that is truncated while it is read is an error, one that grows has its old size', async () => {
  const path = makeFile('cut.raw', randomBytes(10_000, 4));
  const source = openFileSource(path);
  fs.truncateSync(path, 5000);
  await expect(source.read(Buffer.alloc(8192))).rejects.toThrow(
    `${path}: expected 8192 bytes at 0, got 5000: the file was truncated while it was read`,
  );
  // Another read would continue after the missing bytes.
  await expect(source.read(Buffer.alloc(100))).rejects.toThrow('expected 8192 bytes at 0');
  source.close();
  const growing = openFileSource(path);
  fs.appendFileSync(path, Buffer.alloc(100));
  expect((await readAll(growing, 4096)).length).toBe(5000);
  growing.close();
});

test('close lets a read in flight end', async () => {
  const bytes = randomBytes(8 << 20, 5);
  const source = openFileSource(makeFile('closing.raw', bytes));
  const into = Buffer.alloc(bytes.length);
  const reading = source.read(into);
  source.close();
  source.close();
  const others = Array.from({ length: 8 }, () => fs.openSync('/dev/zero', 'r'));
  expect(await reading).toBe(bytes.length);
  expect(into.equals(bytes)).toBe(true);
  for (const fd of others) fs.closeSync(fd);
});

test.skipIf(!hasProgram('mkfifo'))(
  'a pipe is read in order and in full steps, whatever the size of its writes (skipped without mkfifo)',
  async () => {
    const fifo = join(folder, 'fifo');
    run('mkfifo', [fifo]);
    const bytes = randomBytes(1_000_001, 6);
    const path = makeFile('piped.raw', bytes);
    const source = openFileSource(fifo);
    expect(source.bytes).toBeUndefined();
    expect(source.readAt).toBeUndefined();
    const reading = readAll(source, 300_000);
    const writer = spawn('sh', [
      '-c',
      '(head -c 7 "$1"; sleep 0.1; tail -c +8 "$1") > "$2"',
      'sh',
      path,
      fifo,
    ]);
    const ended = once(writer, 'close');
    expect((await reading).equals(bytes)).toBe(true);
    await ended;
    source.close();
    await expect(source.read(Buffer.alloc(1))).rejects.toThrow(`${fifo}: used after close`);
  },
);

test('a read that waits for another program’s bytes ends when its file is closed', async () => {
  let tries = 0;
  vi.spyOn(fs, 'read').mockImplementation(((...args: unknown[]) => {
    tries++;
    const full = Object.assign(new Error('EAGAIN: try again'), { code: 'EAGAIN' });
    (args.at(-1) as (cause: Error) => void)(full);
  }) as unknown as typeof fs.read);
  try {
    // A file of the program's own is closed; one that it borrows, such as standard input, stays open.
    const fd = fs.openSync('/dev/null', 'r');
    for (const file of [OpenFile.borrow('borrowed', fd), OpenFile.ofDescriptor('own', fd)]) {
      const handle = createReadHandle(file);
      const reading = handle.read(Buffer.alloc(1), null);
      await vi.waitUntil(() => tries > 2);
      handle.close();
      await expect(reading).rejects.toThrow(`${file.name}: used after close`);
      tries = 0;
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(tries).toBe(0);
      if (file.name === 'borrowed') expect(fs.fstatSync(fd).isCharacterDevice()).toBe(true);
    }
    expect(() => fs.fstatSync(fd)).toThrow('EBADF');
  } finally {
    vi.restoreAllMocks();
  }
});

/** Run a program of `src/image` whose standard input is a pipe that stays open and empty. */
async function withSilentInput(contents: string): Promise<string> {
  const program = join(folder, 'program.mjs');
  const pipe = join(folder, `silent-${Math.random()}`);
  const resolveDir = fileURLToPath(new URL('../../src/image', import.meta.url));
  await build({
    stdin: { contents, resolveDir },
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: program,
  });
  run('mkfifo', [pipe]);
  const input = fs.openSync(pipe, 'r+');
  const child = spawn(process.execPath, [program], { stdio: [input, 'pipe', 'inherit'] });
  let output = '';
  child.stdout!.on('data', (bytes) => {
    output += bytes;
  });
  await once(child, 'close');
  fs.closeSync(input);
  return output;
}

describe.skipIf(process.platform !== 'linux' || !hasProgram('mkfifo'))(
  'closing standard input ends the program, though no byte has arrived (skipped except on Linux with mkfifo)',
  () => {
    // The program ends on its own, or the test times out.
    test.each([
      ['before the first read', '', 'source.read(into)'],
      ['while it is read', 'const reading = source.read(into);', 'reading'],
    ])('%s', async (_, before, read) => {
      const output = await withSilentInput(`
        import { openFileSource } from './raw.js';
        const into = new Uint8Array(1);
        const source = openFileSource('-');
        ${before}
        source.close();
        await ${read}.catch((cause) => console.log(cause.message));`);
      expect(output).toBe('standard input: used after close\n');
    });
  },
);

describe.skipIf(!fs.existsSync('/proc/self/maps'))(
  'files of /proc, which state a size of 0 (skipped without /proc)',
  () => {
    test('are read in order to their end', async () => {
      const source = openFileSource('/proc/self/status');
      expect(source.bytes).toBeUndefined();
      expect(source.readAt).toBeUndefined();
      expect((await readAll(source)).toString()).toMatch(/^Name:.*\nUmask:/);
      source.close();
    });

    test('are errors if they cannot be read, never empty images', () => {
      expect(() => openFileSource('/proc/self/mem')).toThrow(
        '/proc/self/mem: cannot read 4096 bytes at 0: i/o error (EIO)',
      );
    });
  },
);

test.skipIf(process.platform !== 'linux')(
  'more files than descriptors are in use at a time (counted on Linux)',
  async () => {
    const count = MAX_OPEN_FILES + 50;
    const descriptors = () => fs.readdirSync('/proc/self/fd').length;
    const before = descriptors();
    const page = (i: number) => Buffer.alloc(4096, `image ${i}`);
    const paths = Array.from({ length: count }, (_, i) => makeFile(`many-${i}.raw`, page(i)));
    const sources = paths.map((path) => openFileSource(path));
    expect(descriptors()).toBeLessThanOrEqual(before + MAX_OPEN_FILES);
    for (const [i, source] of sources.entries()) expect((await readAll(source)).equals(page(i))).toBe(true);
    for (const [i, source] of sources.entries()) {
      const into = Buffer.alloc(4096);
      expect(source.readAt!(into, 0)).toBe(4096);
      expect(into.equals(page(i))).toBe(true);
    }
    // The first one is not open at the moment; another file now has its name.
    fs.renameSync(paths[1]!, paths[0]!);
    expect(() => sources[0]!.readAt!(Buffer.alloc(1), 0)).toThrow(
      `${paths[0]}: was replaced by another file while it was in use`,
    );
    for (const source of sources) source.close();
    // Fewer where files of tests before this one are closed meanwhile.
    expect(descriptors()).toBeLessThanOrEqual(before);
  },
);
