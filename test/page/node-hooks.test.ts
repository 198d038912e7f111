import { execFileSync, spawnSync } from 'node:child_process';
import zlib from 'node:zlib';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { checkedFrame } from '../../src/codec/zstd.js';
import {
  compressZstdPieces,
  createZstdFrameReader,
  createZstdFrameStream,
  type NodeZstd,
  nodeModule,
} from '../../src/page/node-hooks.js';
import { seeded } from '../support/kernels.js';

test('a module of Node is returned without an import; an unknown one is undefined', () => {
  expect(nodeModule<{ gzipSync: unknown }>('node:zlib')?.gzipSync).toBe(zlib.gzipSync);
  expect(nodeModule('node:no-such-module')).toBeUndefined();
});

test('a running process stops incremental marking', async () => {
  // The trace flag shows both: that V8 marks incrementally here, and that it does not after the hook.
  const program = `import { stopIncrementalMarking } from './src/page/node-hooks.ts';
    import v8 from 'node:v8';
    if (process.argv[2] === 'stopped') stopIncrementalMarking();
    v8.setFlagsFromString('--trace-incremental-marking');
    const objects = [];
    for (let i = 0; i < 1e6; i++) objects.push({ i, text: 'object ' + i });
    console.log(objects.length);`;
  const { outputFiles } = await build({
    stdin: { contents: program, resolveDir: process.cwd() },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
  });
  const run = (...args: string[]) =>
    execFileSync(process.execPath, ['-', ...args], {
      input: outputFiles[0]!.text,
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    });
  expect(run('marking')).toContain('[IncrementalMarking] Start');
  const stopped = run('stopped');
  expect(stopped).not.toContain('[IncrementalMarking] Start');
  expect(stopped).toContain('1000000');
});

test('a worker with its own output leaves standard output alone', async () => {
  const program = (options: string) => `import { OWN_OUTPUT } from './src/page/node-hooks.ts';
    import { Worker } from 'node:worker_threads';
    const opened = [];
    const { get } = Object.getOwnPropertyDescriptor(process, 'stdout');
    Object.defineProperty(process, 'stdout', { get() { opened.push(1); return get.call(process); } });
    const worker = new Worker('console.error("printed")', { ...${options}, eval: true });
    worker.on('exit', () => require('node:fs').writeSync(1, opened.length > 0 ? 'opened' : 'closed'));`;
  const run = async (options: string) => {
    const { outputFiles } = await build({
      stdin: { contents: program(options), resolveDir: process.cwd() },
      bundle: true,
      write: false,
      format: 'cjs',
      platform: 'node',
    });
    const { stdout, stderr } = spawnSync(process.execPath, ['-'], { input: outputFiles[0]!.text });
    return [String(stdout), String(stderr)];
  };
  expect(await run('OWN_OUTPUT')).toEqual(['closed', '']);
  expect(await run('{}')).toEqual(['opened', 'printed\n']);
});

const native = (zlib as unknown as Partial<NodeZstd>).createZstdCompress
  ? (zlib as unknown as NodeZstd)
  : undefined;
if (!native) console.warn('tests of zstd frame streams are skipped: this Node has no zstd (22.15 on has)');

describe.skipIf(!native)('zstd frame streams (skipped where Node has no zstd)', () => {
  const pages = (seed: number, bytes: number) => {
    const random = seeded(seed);
    return Uint8Array.from({ length: bytes }, () => random() & 3);
  };

  test('every write is one whole frame that declares its size, in the same slab', async () => {
    const stream = createZstdFrameStream(native!, 3, 4 << 20);
    const frames: Uint8Array[] = [];
    for (const [i, bytes] of [100_000, 1, 65_536, 300_000].entries()) {
      const content = pages(i, bytes);
      const frame = await stream.compress(content);
      frames.push(frame);
      expect([...frame.subarray(0, 4)]).toEqual([0x28, 0xb5, 0x2f, 0xfd]);
      expect(frame.length).toBeLessThan(content.length + 1024);
      expect(Buffer.compare(native!.zstdDecompressSync(frame, {}), content)).toBe(0);
    }
    expect(new Set(frames.map(({ buffer }) => buffer)).size).toBe(1);
    expect(stream.capacity).toBe((4 << 20) - frames.reduce((sum, { length }) => sum + length, 0));
    stream.destroy();
  });

  test.each([false, true])('frames are decompressed in place, into shared memory: %s', (isShared) => {
    const read = createZstdFrameReader(native!)!;
    expect(read).toBeTypeOf('function');
    const memory = isShared ? new Uint8Array(new SharedArrayBuffer(400_000)) : new Uint8Array(400_000);
    for (const [i, bytes] of [100_000, 1, 65_536, 300_000].entries()) {
      const content = pages(i, bytes);
      const frame = native!.zstdCompressSync(content, {});
      memory.fill(7);
      expect(read(frame, memory.subarray(64, 64 + bytes))).toBe(bytes);
      expect(Buffer.compare(memory.subarray(64, 64 + bytes), content)).toBe(0);
      expect(memory[63]).toBe(7);
      expect(memory[64 + bytes]).toBe(7);
    }
  });

  test('a frame that is not sound is an error, or short, and the next one is not affected', () => {
    const read = createZstdFrameReader(native!)!;
    const content = pages(5, 90_000);
    const frame = native!.zstdCompressSync(content, {});
    const into = new Uint8Array(content.length);
    const isRefused = (bytes: Uint8Array, to = into) => {
      try {
        return read(bytes, to) !== content.length;
      } catch (cause) {
        return cause instanceof Error;
      }
    };
    for (let at = 0; at < 40; at++) {
      const damaged = new Uint8Array(frame);
      damaged[at]! ^= 0xff;
      isRefused(damaged); // or other content: checks are the caller's
      expect(read(frame, into)).toBe(content.length);
      expect(Buffer.compare(into, content)).toBe(0);
    }
    expect(isRefused(frame.subarray(0, frame.length - 1))).toBe(true);
    expect(isRefused(frame.subarray(0, 3))).toBe(true);
    expect(isRefused(Buffer.concat([frame, frame]))).toBe(true);
    expect(isRefused(frame, new Uint8Array(content.length - 1))).toBe(true);
    expect(read(frame, into)).toBe(content.length);
  });

  test('pieces become one frame that declares its size, the same as often as they are packed', async () => {
    const content = pages(3, 2_500_000);
    const pieces = { bytes: content.length, read: (from: number, to: number) => content.slice(from, to) };
    const { signal } = new AbortController();
    const frame = await compressZstdPieces(native!, pieces, 1, signal);
    expect(Buffer.compare(checkedFrame(frame, content.length), frame)).toBe(0);
    expect(Buffer.compare(native!.zstdDecompressSync(frame, {}), content)).toBe(0);
    expect(Buffer.compare(await compressZstdPieces(native!, pieces, 1, signal), frame)).toBe(0);
  });

  test('packing in pieces ends with the reason of its signal, or the error of a read', async () => {
    const aborted = AbortSignal.abort(new Error('enough'));
    const read = () => new Uint8Array(1 << 20);
    await expect(compressZstdPieces(native!, { bytes: 4 << 20, read }, 1, aborted)).rejects.toThrow('enough');
    const { signal } = new AbortController();
    const fails = (from: number) => {
      if (from > 0) throw new Error('no more');
      return read();
    };
    await expect(compressZstdPieces(native!, { bytes: 4 << 20, read: fails }, 1, signal)).rejects.toThrow(
      'no more',
    );
  });

  test('a frame is not changed by the next one', async () => {
    const stream = createZstdFrameStream(native!, 1, 1 << 20);
    const first = await stream.compress(pages(1, 50_000));
    const copy = first.slice();
    await stream.compress(pages(2, 50_000));
    expect(Buffer.compare(first, copy)).toBe(0);
    stream.destroy();
  });
});
