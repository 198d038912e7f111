// Where the chunks of an AVML dump are. No number of the file is used before it is checked.
import { PageferryError } from '../../page/error.js';
import { snappyContentBytes } from '../compression/snappy.js';
import { doubled } from '../doubled.js';
import { badImage, type FileBytes, RecordBytes, unsupportedImage } from '../file-bytes.js';
import { StoredRanges } from '../stored-ranges.js';
import { beginsWith, checkRangeCount, HEAD_BYTES, readRangeHead } from './ranges.js';

export const AVML = { magic: 'AVML', version: 2 } as const;

const CHUNK_HEAD_BYTES = 4;
export const CHECK_BYTES = 4;
/** Snappy's framing format limits the content of a chunk. */
export const MAX_CHUNK_BYTES = 1 << 16;
const LENGTH_BYTES = 8;
/** 256 GiB in chunks of 64 KiB; each takes 20 bytes of memory. */
const MAX_CHUNKS = 1 << 22;
const STREAM_ID = 'sNaPpY';
/** The head of a chunk, its check, and the size of its content. */
const PEEK_BYTES = CHUNK_HEAD_BYTES + CHECK_BYTES + 5;

const chunkType = { compressed: 0, uncompressed: 1, firstSkippable: 0x80, streamId: 0xff } as const;

/** Chunks in the file's order. */
export class AvmlChunks {
  count = 0;
  /** Start of the content in the range. */
  starts = new Float64Array(256);
  /** Offset of the check, which the data follows. */
  offsets = new Float64Array(256);
  /** Bytes of check and data, and whether they are compressed: bit 31. */
  sizes = new Uint32Array(256);

  add(start: number, offset: number, bytes: number, isCompressed: boolean): void {
    if (this.count === this.starts.length) {
      this.starts = doubled(this.starts);
      this.offsets = doubled(this.offsets);
      this.sizes = doubled(this.sizes);
    }
    this.starts[this.count] = start;
    this.offsets[this.count] = offset;
    this.sizes[this.count++] = isCompressed ? (bytes | COMPRESSED) >>> 0 : bytes;
  }
}

export const COMPRESSED = 0x80000000;

/**
 * Ranges of memory in consecutive chunks: `offset` is the first chunk of each, `number` the one after its
 * last.
 */
export interface ChunkedMemory {
  readonly ranges: StoredRanges;
  readonly chunks: AvmlChunks;
}

/** Find all ranges and their chunks. @throws PageferryError `bad-image`, `unsupported`, `limit`, `io` */
export function readChunks(file: FileBytes): ChunkedMemory {
  const records = new RecordBytes(file, HEAD_BYTES);
  const ranges = new StoredRanges();
  const chunks = new AvmlChunks();
  for (let at = 0; at < file.bytes; ) {
    const label = `range ${ranges.length}`;
    const { address, bytes } = readRangeHead(file.path, records, at, ranges.length, AVML);
    const firstChunk = chunks.count;
    const start = at + HEAD_BYTES;
    at = readRange(file, records, { from: start, bytes, label }, chunks);
    const length = records.read(at, LENGTH_BYTES, () => `${label}: its length`).getBigUint64(0, true);
    if (length !== BigInt(at - start))
      throw badImage(
        file.path,
        `${label}: has ${at - start} compressed bytes, ${length} are stated after it`,
      );
    at += LENGTH_BYTES;
    ranges.add(address, bytes, firstChunk, chunks.count);
    checkRangeCount(file.path, ranges.length);
  }
  return { ranges, chunks };
}

/** Find the chunks of a range. Returns where they end. */
function readRange(
  file: FileBytes,
  records: RecordBytes,
  { from, bytes, label }: { readonly from: number; readonly bytes: number; readonly label: string },
  chunks: AvmlChunks,
): number {
  let at = from;
  for (let done = 0; done < bytes; ) {
    const peekBytes = Math.min(PEEK_BYTES, Math.max(CHUNK_HEAD_BYTES, file.bytes - at));
    const view = records.read(at, peekBytes, () => label);
    const peek = records.bytes;
    const [type] = peek;
    const size = view.getUint32(0, true) >>> 8;
    const data = at + CHUNK_HEAD_BYTES;
    const bad = (problem: string) => badImage(file.path, `${label}: its chunk at ${at} ${problem}`);
    if (size > file.bytes - data)
      throw bad(`has ${size} bytes, which end past the file's ${file.bytes}: it is truncated`);
    if (type === chunkType.compressed || type === chunkType.uncompressed) {
      const isCompressed = type === chunkType.compressed;
      const content = isCompressed
        ? snappyContentBytes(peek.subarray(CHUNK_HEAD_BYTES + CHECK_BYTES, peekBytes))
        : size - CHECK_BYTES;
      if (size <= CHECK_BYTES || content < 1 || content > MAX_CHUNK_BYTES || content > bytes - done)
        throw bad(`has a content of ${content} bytes, ${bytes - done} of the range are left`);
      if (chunks.count === MAX_CHUNKS)
        throw new PageferryError('limit', `${file.path}: more than ${MAX_CHUNKS} chunks`);
      chunks.add(done, data, size, isCompressed);
      done += content;
    } else if (type === chunkType.streamId) {
      if (size !== STREAM_ID.length || !beginsWith(peek.subarray(CHUNK_HEAD_BYTES, peekBytes), STREAM_ID))
        throw bad(`is no stream identifier of Snappy ("${STREAM_ID}")`);
    } else if (type! < chunkType.firstSkippable)
      throw unsupportedImage(file.path, `${label}: its chunk at ${at} has the reserved type ${type}`);
    at = data + size;
  }
  return at;
}
