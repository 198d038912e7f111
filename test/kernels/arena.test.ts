import { execFileSync } from 'node:child_process';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { Arena } from '../../src/kernels/arena.js';

const MIB = 1 << 20;

test('slots are 64-byte aligned, do not overlap and have 64 readable bytes after their end', async () => {
  const arena = new Arena();
  const sizes = [1, 64, 100, 4096, 0, 65536];
  const slots = sizes.map((bytes, i) => arena.slot(`slot ${i}`, bytes));
  const { bytes, run } = await arena.allocate();
  slots.forEach((address, i) => {
    const next = slots[i + 1] ?? bytes.length;
    expect(address % 64).toBe(0);
    expect(next).toBeGreaterThanOrEqual(address + sizes[i]! + 64);
  });
  expect(slots[0]).toBeGreaterThanOrEqual(run.heapBase());
});

test('the memory is as large as the slots, rounded up to 64 KiB', async () => {
  const arena = new Arena();
  arena.slot('page cache', 10 * MIB);
  const { bytes } = await arena.allocate();
  expect(bytes.length).toBe(Math.ceil(arena.bytes / 65536) * 65536);
  expect(bytes.length).toBeLessThan(10 * MIB + 2 * 65536);
});

test('onAllocate runs with the memory in place, in the order of the calls', async () => {
  const arena = new Arena();
  const { kernels } = arena;
  const order: number[] = [];
  const page = arena.slot('page', 4096);
  const digest = arena.slot('digest', 16);
  arena.onAllocate(() => {
    order.push(1);
    kernels.bytes.fill(7, page, page + 4096);
  });
  arena.onAllocate(() => {
    order.push(2);
    kernels.run.hash128(page, 4096, 0, 0, digest);
  });
  expect(order).toEqual([]);
  expect(await arena.allocate()).toBe(kernels);
  expect(order).toEqual([1, 2]);
  expect(kernels.run.fillByte(page, 4096)).toBe(7);
  expect(kernels.words[digest >>> 2]).not.toBe(0);
});

test('a slot that is declared too late, a second allocation and a size that is no whole number are refused', async () => {
  const arena = new Arena();
  for (const bytes of [-1, 1.5, Number.NaN, Infinity])
    expect(() => arena.slot('page', bytes)).toThrow(
      `slot "page": expected a whole number of bytes, got ${bytes}`,
    );
  await arena.allocate();
  expect(() => arena.slot('late', 16)).toThrow('slot "late" is declared after the memory was allocated');
  await expect(arena.allocate()).rejects.toThrow('allocated before');
});

test('the error about more than 4 GiB names the option that needs most, and every option with its bytes', async () => {
  const arena = new Arena();
  arena.slot('chunk', 4 * MIB);
  arena.slot('parent pages', 2048 * MIB, 'deltaBudgetBytes');
  arena.slot('index', 1024 * MIB, 'indexPages');
  arena.slot('sketches', 1500 * MIB, 'indexPages');
  await expect(arena.allocate()).rejects.toMatchObject({
    code: 'limit',
    message:
      `indexPages: ${arena.bytes} bytes of memory are needed, the limit is ${2 ** 32} (${2524 * MIB + 128} for indexPages, ` +
      `${2048 * MIB + 64} for deltaBudgetBytes, ${4 * MIB + 64} for fixed parts); lower indexPages`,
  });
});

test('the error about a limit that is too small names the option of the limit and the one to lower', async () => {
  const arena = new Arena({ bytes: 8 * MIB, option: 'memoryLimitBytes' });
  arena.slot('frame', 32 * MIB, 'maxFrameBytes');
  await expect(arena.allocate()).rejects.toMatchObject({
    code: 'limit',
    message:
      `memoryLimitBytes: ${arena.bytes} bytes of memory are needed, the limit is ${8 * MIB} ` +
      `(${32 * MIB + 64} for maxFrameBytes); raise memoryLimitBytes or lower maxFrameBytes`,
  });
});

test.runIf(process.platform === 'linux')(
  'too little address space is an error that names it and the remedy',
  async () => {
    const program = `import { Arena } from './src/kernels/arena.ts';
      const arena = new Arena();
      arena.slot('page', 4096);
      arena.allocate().then(() => console.log('allocated'), ({ code, message }) => console.log(code + ': ' + message));`;
    const { outputFiles } = await build({
      stdin: { contents: program, resolveDir: process.cwd() },
      bundle: true,
      write: false,
      format: 'cjs',
      platform: 'node',
    });
    const run = (...flags: string[]) =>
      execFileSync('bash', ['-c', `ulimit -v 4000000; exec "$0" "$@"`, process.execPath, ...flags, '-'], {
        input: outputFiles[0]!.text,
        encoding: 'utf8',
      });
    expect(run()).toMatch(
      /^limit: too little address space for a WebAssembly memory of \d+ bytes .*ulimit -v/,
    );
    // The remedy that the message names works.
    expect(run('--disable-wasm-trap-handler')).toBe('allocated\n');
  },
);
