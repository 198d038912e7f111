// The codecs' kernels and their reference implementations, which define the result of every input.
import type { CodecContext } from '../../src/codec/codec.js';
import { unpackLz4 } from '../../src/codec/lz4.js';
import { codecByName } from '../../src/codec/registry.js';
import { lz4DecodeReference } from '../reference/lz4.js';
import { decode as rleDecode } from '../reference/rle.js';
import { decode as wkdmDecode } from '../reference/wkdm.js';
import { decode as xbzrleDecode } from '../reference/xbzrle.js';
import { decode as zeroAwareDecode } from '../reference/zero-aware.js';

const LZ4_BLOCK_BYTES = 65536;

export interface Subject {
  readonly name: string;
  /** Whether it is a delta codec: `page` holds the base before `decode`, and the decoded page after it. */
  readonly delta: boolean;
  encode(
    codec: CodecContext,
    page: number,
    pageBytes: number,
    out: number,
    capacity: number,
    base: number,
  ): number;
  decode(codec: CodecContext, coded: number, codedBytes: number, page: number, pageBytes: number): number;
  /** The page, or a negative status. */
  reference(coded: Uint8Array, pageBytes: number, base: Uint8Array): Uint8Array | number;
}

export const SUBJECTS: readonly Subject[] = [
  pageCodec('rle', rleDecode),
  pageCodec('zero-aware', zeroAwareDecode),
  pageCodec('xbzrle', xbzrleDecode),
  pageCodec('wkdm', wkdmDecode),
  pageCodec('lz4', (coded, pageBytes) => (pageBytes === 0 ? -1 : lz4DecodeReference(coded, pageBytes))),
];

/** A segment packed by LZ4: blocks, each preceded by its length. */
export const SEGMENT: Pick<Subject, 'name' | 'decode' | 'reference'> = {
  name: 'unpackLz4',
  decode: unpackLz4,
  reference: unpackReference,
};

function pageCodec(name: string, reference: Subject['reference']): Subject {
  const { encode, decode, base } = codecByName(name);
  return { name, delta: base !== 'none', encode: encode!, decode: decode!, reference };
}

function unpackReference(packed: Uint8Array, bytes: number): Uint8Array | number {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
  const segment = new Uint8Array(bytes);
  let at = 0;
  for (let done = 0; done < bytes; done += LZ4_BLOCK_BYTES) {
    if (packed.length - at < 4) return -1;
    const length = view.getUint32(at, true);
    const stored = length >= 2 ** 31;
    const block = packed.subarray(at + 4, at + 4 + (length % 2 ** 31));
    if (block.length !== length % 2 ** 31) return -1;
    const blockBytes = Math.min(LZ4_BLOCK_BYTES, bytes - done);
    if (stored && block.length !== blockBytes) return -1;
    const content = stored ? block : lz4DecodeReference(block, blockBytes);
    if (typeof content === 'number') return content;
    segment.set(content, done);
    at += 4 + block.length;
  }
  return at === packed.length ? segment : -1;
}
