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
  const shoff = 64 + segments.length * 56;
  let dataAt = shoff + (shape.long ? 64 : 0) + 13;
  const head = Buffer.alloc(dataAt);
  head.set([0x7f, 0x45, 0x4c, 0x46, shape.class ?? 2, shape.data ?? 1, 1]);
  head.writeUInt16LE(shape.type ?? 4, 16);
  head.writeUInt16LE(62, 18);
  head.writeUInt32LE(1, 20);
  head.writeBigUInt64LE(shape.phoff ?? 64n, 32);
  head.writeBigUInt64LE(shape.long ? (shape.shoff ?? BigInt(shoff)) : 0n, 40);
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(shape.phentsize ?? 56, 54);
  const count = shape.count ?? segments.length;
  head.writeUInt16LE(shape.long ? 0xffff : count, 56);
  if (shape.long) head.writeUInt32LE(count, shoff + 44);
  const parts = [head];
  for (const [index, segment] of segments.entries()) {
    const bytes = Buffer.from(segment.bytes ?? []);
    const at = 64 + index * 56;
    head.writeUInt32LE(segment.type ?? 1, at);
    head.writeUInt32LE(6, at + 4);
    head.writeBigUInt64LE(segment.offset ?? BigInt(dataAt), at + 8);
    head.writeBigUInt64LE(segment.vaddr ?? 0n, at + 16);
    head.writeBigUInt64LE(segment.paddr ?? 0n, at + 24);
    head.writeBigUInt64LE(segment.filesz ?? BigInt(bytes.length), at + 32);
    head.writeBigUInt64LE(segment.memsz ?? BigInt(bytes.length), at + 40);
    head.writeBigUInt64LE(1n, at + 48);
    parts.push(bytes);
    dataAt += bytes.length;
  }
  return Buffer.concat(parts);
}
