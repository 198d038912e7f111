import { type TestKernels, testKernels } from './kernels.js';

/** The content of a record, without its header and checksum. */
export interface Craft {
  readonly type: number;
  readonly head: readonly number[] | Uint8Array;
  readonly data?: readonly number[] | Uint8Array;
}

/**
 * Builds streams from docs/stream.md, independently of the encoder, with correct checksums and with any field
 * set to a valid or an invalid value.
 */
export interface Crafter {
  check(bytes: ArrayLike<number>, seedLow?: number, seedHigh?: number): Uint8Array;
  header(fields?: {
    version?: number;
    flags?: number;
    pageBytes?: number;
    maxFrameBytes?: number;
  }): Uint8Array;
  record(ordinal: number, record: Craft): Uint8Array;
  /** Header and records, numbered from 0. */
  stream(records: readonly Craft[], header?: Uint8Array): Uint8Array;
  /** A frame record: its table, and segments stored uncompressed. */
  frame(fields: FrameFields, segments: readonly (readonly number[] | Uint8Array)[]): Craft;
}

interface FrameFields {
  readonly image?: number;
  readonly pageCount?: number;
  readonly firstPage?: number;
  readonly lastPageBytes?: number;
  readonly packing?: number;
  /** Claimed bytes of every segment (default: the length of its data). */
  readonly bytes?: number;
}

export const u16 = (value: number) => [value & 255, value >>> 8];
export const u32 = (value: number) => [0, 8, 16, 24].map((shift) => (value >>> shift) & 255);
export const u64 = (value: number) => [...u32(value % 2 ** 32), ...u32(Math.floor(value / 2 ** 32))];
const MAGIC = [0x89, 0x50, 0x46, 0x59, 0x0d, 0x0a, 0x1a, 0x0a];

export async function crafter(): Promise<Crafter> {
  const kernels: TestKernels = await testKernels(2 << 20);
  const at = kernels.reserve(1 << 20, 'checked bytes');
  const out = kernels.reserve(16, 'check');
  const check = (bytes: ArrayLike<number>, seedLow = 0, seedHigh = 0) => {
    kernels.bytes.set(bytes, at);
    kernels.run.hash64(at, bytes.length, seedLow, seedHigh, out);
    return kernels.bytes.slice(out, out + 8);
  };
  const crafted: Crafter = {
    check,
    header({ version = 1, flags = 0, pageBytes = 4096, maxFrameBytes = 1 << 20 } = {}) {
      const fields = [...MAGIC, ...u16(version), ...u16(flags), ...u32(pageBytes), ...u32(maxFrameBytes)];
      return Uint8Array.of(...fields, ...check(fields).subarray(0, 4));
    },
    record(ordinal, { type, head, data = [] }) {
      const seedLow = (head.length ^ (type << 24)) >>> 0;
      const seedHigh = (Math.imul(ordinal + 1, 0x9e3779b1) ^ data.length) >>> 0;
      const fields = [type, 0, 0, 0, ...u32(head.length), ...u32(data.length), 0, 0, 0, 0];
      return Buffer.concat([
        Uint8Array.from(fields),
        check(head, seedLow, seedHigh),
        Uint8Array.from(head),
        Uint8Array.from(data),
      ]);
    },
    stream: (records, header = crafted.header()) =>
      Buffer.concat([header, ...records.map((record, ordinal) => crafted.record(ordinal, record))]),
    frame({ image = 0, pageCount = 1, firstPage = 0, lastPageBytes = 4096, packing = 0, bytes }, segments) {
      const heads = segments.flatMap((data) => [
        ...[packing, 0, 0, 0],
        ...u32(bytes ?? data.length),
        ...u32(data.length),
        ...check(data),
      ]);
      const head = [
        ...u32(image),
        ...u32(pageCount),
        ...u64(firstPage),
        ...u32(lastPageBytes),
        segments.length,
        0,
        0,
        0,
        ...heads,
      ];
      return { type: 2, head, data: Buffer.concat(segments.map((data) => Uint8Array.from(data))) };
    },
  };
  return crafted;
}

const DIGEST_BYTES = 16;
const NONE = 0xffffffff;

/** An IMAGE record. */
export function imageCraft(fields: {
  image?: number;
  kind?: number;
  parent?: number;
  bytes?: number;
  name?: number[];
  digest?: number;
}) {
  const { image = 0, kind = 0, parent = NONE, bytes, name = [0x61], digest = 0 } = fields;
  const size = bytes === undefined ? new Array<number>(8).fill(255) : u64(bytes);
  const head = [...u32(image), kind, 0, ...u16(name.length), ...u32(parent), 0, 0, 0, 0, ...size];
  return { type: 1, head: [...head, ...new Array<number>(DIGEST_BYTES).fill(digest), ...name] };
}
