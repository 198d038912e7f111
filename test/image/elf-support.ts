// ELF core files for tests. Every field can be set to a wrong value.

/** A segment; fields that are not given are correct. */
export interface CoreSegment {
  readonly vaddr?: bigint;
  readonly paddr?: bigint;
  readonly bytes?: Uint8Array;
  readonly memsz?: bigint;
  readonly filesz?: bigint;
  readonly offset?: bigint;
  readonly type?: number;
}

/** Fields of the headers. */
export interface CoreShape {
  readonly type?: number;
  readonly class?: number;
  readonly data?: number;
  readonly phentsize?: number;
  readonly phoff?: bigint;
  /** Store the number of program headers in a section header, as more than 65534 need. */
  readonly long?: boolean;
  readonly shoff?: bigint;
  readonly count?: number;
}

/**
 * Create a core: header, program headers, section header if `long`, then every segment's bytes, not aligned
 * to pages.
 */
export function makeCore(segments: readonly CoreSegment[], shape: CoreShape = {}): Buffer {
  const is32 = shape.class === 1;
  const [headerBytes, entryBytes, sectionBytes] = is32 ? [52, 32, 40] : [64, 56, 64];
  const shoff = headerBytes + segments.length * entryBytes;
  let dataAt = shoff + (shape.long ? sectionBytes : 0) + 13;
  const head = Buffer.alloc(dataAt);
  const put = fieldWriter(head, is32, shape.data === 2);
  head.set([0x7f, 0x45, 0x4c, 0x46, shape.class ?? 2, shape.data ?? 1, 1]);
  put.u16(shape.type ?? 4, 16);
  put.u16(62, 18);
  put.u32(1, 20);
  put.word(shape.phoff ?? BigInt(headerBytes), is32 ? 28 : 32);
  put.word(shape.long ? (shape.shoff ?? BigInt(shoff)) : 0n, is32 ? 32 : 40);
  const counts = is32 ? 40 : 52;
  put.u16(headerBytes, counts);
  put.u16(shape.phentsize ?? entryBytes, counts + 2);
  const count = shape.count ?? segments.length;
  put.u16(shape.long ? 0xffff : count, counts + 4);
  if (shape.long) put.u32(count, shoff + (is32 ? 28 : 44));
  const parts = [head];
  for (const [index, segment] of segments.entries()) {
    const bytes = Buffer.from(segment.bytes ?? []);
    const at = headerBytes + index * entryBytes;
    put.u32(segment.type ?? 1, at);
    put.u32(6, at + (is32 ? 24 : 4));
    const words = [
      segment.offset ?? BigInt(dataAt),
      segment.vaddr ?? 0n,
      segment.paddr ?? 0n,
      segment.filesz ?? BigInt(bytes.length),
      segment.memsz ?? BigInt(bytes.length),
    ];
    for (const [i, word] of words.entries()) put.word(word, at + (is32 ? 4 + 4 * i : 8 + 8 * i));
    put.word(1n, at + (is32 ? 28 : 48));
    parts.push(bytes);
    dataAt += bytes.length;
  }
  return Buffer.concat(parts);
}

function fieldWriter(head: Buffer, is32: boolean, isBigEndian: boolean) {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  return {
    u16: (value: number, at: number) => view.setUint16(at, value, !isBigEndian),
    u32: (value: number, at: number) => view.setUint32(at, value, !isBigEndian),
    word: (value: bigint, at: number) =>
      is32
        ? view.setUint32(at, Number(value & 0xffff_ffffn), !isBigEndian)
        : view.setBigUint64(at, value, !isBigEndian),
  };
}

/** A note: name, type and bytes. */
export function makeNote(name: string, type: number, bytes: Uint8Array): Buffer {
  const pad = (data: Uint8Array) => Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
  const text = Buffer.from(`${name}\0`, 'latin1');
  const head = Buffer.alloc(12);
  head.writeUInt32LE(text.length, 0);
  head.writeUInt32LE(bytes.length, 4);
  head.writeUInt32LE(type, 8);
  return Buffer.concat([head, pad(text), pad(bytes)]);
}
