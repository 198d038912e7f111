// The zstd encoder with its slots and canaries, and libzstd through the FFI as the cross-check.
import { createRequire } from 'node:module';
import type { ZstdExports } from '../../../src/kernels/zstd-exports.js';
import { createZstdKernels } from '../../../testing/zstd-kernels.js';
import { bench } from '../../bench/bench.js';
import { seeded } from '../../support/kernels.js';

const CANARY = 0xa5;
const CANARY_BYTES = 128;
const SLACK = 64;
const MAX_DIRT = 16;
/** Every kind of match finder, and the ends of the range. */
export const LEVELS = [-7, -1, 1, 2, 3, 5, 9];
/** A level that chooses matches by the prices of their codes, which takes a second a MiB. */
export const HIGHEST_LEVEL = 22;

/** Return the largest frame of an input. */
export const bound = (bytes: number) => bytes + (bytes >>> 15) + 32;

export interface TestEncoder {
  readonly run: ZstdExports;
  readonly bytes: Uint8Array;
  /** Encode with a dirty scratch; return the frame or the status. Throws when anything else was written. */
  encode(input: Uint8Array, level: number, options?: EncodeOptions): Uint8Array | number;
  /** Decode the frame with our decoder; return the content or the status. */
  decode(frame: Uint8Array, bytes: number): Uint8Array | number;
}

interface EncodeOptions {
  readonly capacity?: number;
  readonly checksum?: boolean;
  /** Which noise the scratch and the bytes after the input hold, from 1 to MAX_DIRT. */
  readonly dirt?: number;
  /** Bytes from a 64-byte boundary to the input and to the output. */
  readonly shift?: number;
}

/** Return an encoder for inputs of at most `maxBytes` bytes. */
export async function testEncoder(maxBytes: number): Promise<TestEncoder> {
  const probe = await createZstdKernels(new WebAssembly.Memory({ initial: 1 }));
  const scratchBytes = Math.max(
    ...[...LEVELS, HIGHEST_LEVEL].map((level) => probe.zstdEncodeScratchBytes(level, maxBytes)),
  );
  const align = (address: number) => Math.ceil(address / 64) * 64;
  const scratch = 64 + CANARY_BYTES;
  const out = align(scratch + scratchBytes + 2 * CANARY_BYTES);
  const src = align(out + bound(maxBytes) + 2 * CANARY_BYTES);
  const decoded = align(src + maxBytes + 2 * SLACK);
  const decoderScratch = align(decoded + maxBytes + SLACK);
  const pages = Math.ceil((decoderScratch + probe.ZSTD_DECODE_SCRATCH_BYTES.value) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const run = await createZstdKernels(memory);
  const bytes = new Uint8Array(memory.buffer);
  // Generated once: a scratch is as large as the hash tables, and is written before every call.
  const noise = noiseBytes(scratchBytes + MAX_DIRT);

  const encode = (input: Uint8Array, level: number, options: EncodeOptions = {}) => {
    const { capacity = bound(input.length), checksum = false, dirt = 1, shift = 0 } = options;
    const used = run.zstdEncodeScratchBytes(level, input.length);
    bytes.set(noise.subarray(dirt, dirt + used), scratch);
    const from = src + shift;
    bytes.set(input, from);
    bytes.set(noise.subarray(used + dirt - SLACK, used + dirt), from + input.length);
    const to = out + shift;
    const guards = [to - CANARY_BYTES, to + capacity, scratch - CANARY_BYTES, scratch + used];
    for (const at of guards) bytes.fill(CANARY, at, at + CANARY_BYTES);
    const result = run.zstdEncode(from, input.length, to, capacity, level, checksum ? 1 : 0, scratch);
    for (const at of guards)
      if (bytes.subarray(at, at + CANARY_BYTES).some((byte) => byte !== CANARY))
        throw new Error(
          `level ${level}, ${input.length} bytes, capacity ${capacity}: wrote outside its slots`,
        );
    return result < 0 ? result : bytes.slice(to, to + result);
  };
  const decode = (frame: Uint8Array, size: number) => {
    bytes.set(frame, out);
    const result = run.zstdDecode(out, frame.length, decoded, size, maxBytes, decoderScratch);
    return result < 0 ? result : bytes.slice(decoded, decoded + result);
  };
  return { run, bytes, encode, decode };
}

function noiseBytes(count: number): Uint8Array {
  const next = seeded(1);
  return new Uint8Array(Uint32Array.from({ length: Math.ceil(count / 4) }, () => next()).buffer);
}

/** libzstd, or the reason why it cannot be used. */
export interface Libzstd {
  decode(frame: Uint8Array, bytes: number): Uint8Array;
  encodedBytes(input: Uint8Array, level: number): number;
}

export function loadLibzstd(): Libzstd | string {
  try {
    const library = createRequire(import.meta.url)('koffi').load('libzstd.so.1', { deep: true });
    const compress = library.func('size_t ZSTD_compress(void*, size_t, const void*, size_t, int)');
    const decompress = library.func('size_t ZSTD_decompress(void*, size_t, const void*, size_t)');
    const isError = library.func('uint32_t ZSTD_isError(size_t)');
    const errorName = library.func('const char* ZSTD_getErrorName(size_t)');
    const checked = (result: number) => {
      if (isError(result)) throw new Error(`libzstd: ${errorName(result)}`);
      return result;
    };
    return {
      decode(frame, bytes) {
        const content = new Uint8Array(bytes + 1);
        return content.slice(0, checked(decompress(content, content.length, frame, frame.length)));
      },
      encodedBytes(input, level) {
        const frame = new Uint8Array(bound(input.length) + 1024);
        return checked(compress(frame, frame.length, input, input.length, level));
      },
    };
  } catch (error) {
    return `libzstd cannot be loaded: ${(error as Error).message}`;
  }
}

/** Contents that memory has, by kind, and some that only a test has. */
export async function contentKinds(bytes: number, seed: number): Promise<[string, Uint8Array][]> {
  const next = seeded(seed);
  const fill = (at: (i: number) => number) => Uint8Array.from({ length: bytes }, (_, i) => at(i));
  return [
    ...(await guestPages(bytes, seed)),
    ['zero', fill(() => 0)],
    ['alternating', fill((i) => (i & 1 ? 0xaa : 0x55))],
    ['sparse', fill(() => (next() % 97 === 0 ? next() & 255 : 0))],
    ['skewed, without matches', fill(() => Math.min(255, Math.floor(-9 * Math.log((next() + 1) / 2 ** 32))))],
    ['few values', fill(() => next() % 5)],
    ['half random, half zero', fill((i) => (i < bytes / 2 ? next() & 255 : 0))],
    ['random, repeated from afar', fill((i) => (Math.imul(i % (bytes >> 1 || 1), 2654435761) >>> 13) & 255)],
  ];
}

/** Pages of the synthetic guests by kind: text, log, code, heap, structs, random, and others. */
export async function guestPages(bytes: number, seed: number): Promise<[string, Uint8Array][]> {
  const { pageKinds } = await bench('workloads/guest/kinds.mjs');
  const kinds: Record<string, (bytes: Uint8Array) => void> = pageKinds(seeded(seed));
  return Object.entries(kinds).map(([name, write]) => {
    const extent = new Uint8Array(Math.max(4096, Math.ceil(bytes / 4096) * 4096));
    write(extent);
    return [name, extent.slice(0, bytes)];
  });
}
