import { digestText, ImageDigest } from '../../dedup/image-digest.js';
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { PageSource } from '../../page/source.js';
import {
  DIGEST_BYTES,
  type FrameHead,
  HEADER_BYTES,
  type ImageEnd,
  type ImageRecord,
  type IndexEntry,
  MAX_IMAGES,
  RECORD,
  RECORD_HEAD_BYTES,
  type RecordType,
  type StreamHeader,
  TRAILER_BYTES,
  TRAILER_MAGIC,
} from '../../stream/format.js';
import { readEnd, readImage } from '../../stream/image-records.js';
import {
  readFrameHead,
  readHeader,
  readIndex,
  readRecordHead,
  readTrailer,
  recordSeed,
} from '../../stream/records.js';
import { type DigestContext, digestBase } from '../decode/base-digest.js';
import { ByteCollector } from '../decode/byte-collector.js';
import { CHUNK_BYTES } from '../frame/chunk.js';
import { packedLimit } from '../frame/frame-decoder.js';
import { lastAtOrBelow } from './frame-map.js';

/** What a packed file holds, and where. */
export interface StreamIndex {
  readonly header: StreamHeader;
  readonly images: readonly { readonly record: ImageRecord; readonly frames: readonly IndexEntry[] }[];
  readonly ends: readonly ImageEnd[];
  /** The carried number of each image; undefined for a base. */
  readonly carried: readonly (number | undefined)[];
  /** The frame that a page stands in; the same object each time. @throws PageferryError */
  frameOf(image: number, page: number): IndexEntry;
  /** Reads a frame's record: its data to `data`. @throws PageferryError */
  readFrame(file: PageSource, entry: IndexEntry, data: Uint8Array): { head: FrameHead; dataBytes: number };
  /** The source of every base image; undefined where none of these is it. */
  matchBases(kernels: Kernels, bases: readonly PageSource[]): readonly (PageSource | undefined)[];
}

/** Reads a file's header, trailer, index, end record and image records. @throws PageferryError */
export function readStreamIndex(kernels: Kernels, file: PageSource, maxFrameBytes: number): StreamIndex {
  if (!file.readAt || file.bytes === undefined)
    throw new PageferryError('bad-argument', `${file.name}: single pages can only be read from a file`);
  const fileBytes = file.bytes;
  const reader = new RecordReader(new ByteCollector(kernels, 0), file, fileBytes);
  const header = readHeader(
    reader.bytes(0, HEADER_BYTES, 'stream header'),
    'images',
    (bytes) => reader.intake.check(bytes, [0, 0])[0],
  );
  if (header.maxFrameBytes > maxFrameBytes)
    throw new PageferryError(
      'limit',
      `stream header: frames of up to ${header.maxFrameBytes} bytes, this reader takes ${maxFrameBytes}`,
    );
  // The trailer's ordinal follows from the records before it, which the index counts.
  const trailerAt = fileBytes - RECORD_HEAD_BYTES - TRAILER_BYTES;
  const indexAt = readTrailer(reader.trailer(trailerAt), 'trailer');
  const entries: IndexEntry[] = [];
  const unproved: { type: RecordType; at: number }[] = [];
  for (let at = indexAt; at < trailerAt; ) {
    const { head, end } = reader.unchecked(at, RECORD.INDEX, 'index');
    for (const entry of readIndex(head, 'index')) entries.push(entry);
    if (entries.length > indexAt / RECORD_HEAD_BYTES)
      throw new PageferryError(
        'bad-stream',
        `index: more entries than ${indexAt} bytes have room for records`,
      );
    unproved.push({ type: RECORD.INDEX, at });
    at = end;
    if (at > trailerAt) throw new PageferryError('bad-stream', `index: ends at byte ${at}, in the trailer`);
  }
  const imageCount = entries.filter(({ pageCount }) => pageCount === 0).length;
  if (imageCount > MAX_IMAGES)
    throw new PageferryError('bad-stream', `index: ${imageCount} images, more than ${MAX_IMAGES}`);
  const endAt = indexAt - RECORD_HEAD_BYTES - 8 - imageCount * (8 + DIGEST_BYTES);
  // Frames, images, image ends, the end record, index records, trailer.
  const records = entries
    .filter(({ pageCount }) => pageCount === 0)
    .map(({ offset, ordinal }) => reader.image(offset, ordinal));
  const carriedCount = records.filter(({ kind }) => kind === 'carried').length;
  let ordinal = entries.length + carriedCount;
  const ends = readEnd(reader.checked(endAt, RECORD.END, ordinal++, 'end record').head, 'end record');
  for (const { type, at } of unproved) reader.checked(at, type, ordinal++, 'index');
  reader.checked(trailerAt, RECORD.TRAILER, ordinal, 'trailer');
  checkImages(records, ends);
  return streamIndex(header, records, entries, ends, reader);
}

/** What the image records say must be what the end record says. */
function checkImages(records: readonly ImageRecord[], ends: readonly ImageEnd[]): void {
  if (ends.length !== records.length)
    throw new PageferryError(
      'bad-stream',
      `end record: ${ends.length} images, the index has ${records.length}`,
    );
  records.forEach(({ image, bytes, digest }, i) => {
    const end = ends[i]!;
    if (image !== i) throw new PageferryError('bad-stream', `index: image ${image}, expected ${i}`);
    if (bytes !== undefined && bytes !== end.bytes)
      throw new PageferryError('bad-stream', `image ${i}: ${bytes} bytes, the end record says ${end.bytes}`);
    if (digest && digestText(digest) !== digestText(end.digest))
      throw new PageferryError(
        'bad-stream',
        `image ${i}: digest ${digestText(digest)}, the end record says ${digestText(end.digest)}`,
      );
  });
}

function streamIndex(
  header: StreamHeader,
  records: readonly ImageRecord[],
  entries: readonly IndexEntry[],
  ends: readonly ImageEnd[],
  reader: RecordReader,
): StreamIndex {
  const images = records.map((record) => ({
    record,
    frames: [] as IndexEntry[],
    firstPages: [] as number[],
  }));
  for (const entry of entries) {
    if (entry.pageCount === 0) continue;
    const image = images[entry.image];
    if (!image || entry.firstPage < (image.firstPages.at(-1) ?? 0))
      throw new PageferryError(
        'bad-stream',
        `index: a frame at page ${entry.firstPage} of image ${entry.image}, out of order`,
      );
    image.frames.push(entry);
    image.firstPages.push(entry.firstPage);
  }
  let count = 0;
  return {
    header,
    images,
    ends,
    carried: records.map(({ kind }) => (kind === 'base' ? undefined : count++)),
    frameOf(image, page) {
      const { frames, firstPages } = images[image] ?? { frames: [], firstPages: [] };
      const entry = frames[lastAtOrBelow(firstPages, page)];
      if (!entry || page < entry.firstPage || page >= entry.firstPage + entry.pageCount)
        throw new PageferryError('bad-stream', `page ${page} of image ${image}: in no frame of the index`);
      return entry;
    },
    readFrame(file, { offset, ordinal, image, firstPage, pageCount }, data) {
      const what = `record ${ordinal}`;
      const { head: bytes, dataBytes, end } = reader.checked(offset, RECORD.PAGES, ordinal, what);
      if (dataBytes > Math.min(data.length, packedLimit(header.maxFrameBytes)))
        throw new PageferryError(
          'bad-stream',
          `${what}: ${dataBytes} bytes of data, more than its stream announced`,
        );
      const got = file.readAt!(data.subarray(0, dataBytes), end - dataBytes);
      if (got !== dataBytes)
        throw new PageferryError('bad-stream', `${what}: expected ${dataBytes} bytes of data, got ${got}`);
      const head = readFrameHead(bytes, what);
      if (head.image !== image || head.firstPage !== firstPage || head.pageCount !== pageCount)
        throw new PageferryError('bad-stream', `${what}: is not the frame that the index names`);
      return { head, dataBytes };
    },
    matchBases(kernels, bases) {
      const room = records.some(({ kind }) => kind === 'base')
        ? digestContext(kernels, header.pageBytes)
        : undefined;
      const known = room ? bases.map((source) => digestBase(room, source)) : [];
      return records.map(({ kind, digest, bytes }) =>
        kind === 'base'
          ? known.find((base) => base.bytes === bytes && digestText(base.digest) === digestText(digest!))
              ?.source
          : undefined,
      );
    },
  };
}

function digestContext(kernels: Kernels, pageBytes: number): DigestContext {
  return {
    kernels,
    pageBytes,
    digest: new ImageDigest(kernels, pageBytes),
    chunk: kernels.reserve(CHUNK_BYTES, 'chunk'),
    digests: kernels.reserve(16 * (CHUNK_BYTES / pageBytes), 'digests'),
  };
}

/** Reads records of a file by their place. */
class RecordReader {
  constructor(
    readonly intake: ByteCollector,
    private readonly file: PageSource,
    private readonly fileBytes: number,
  ) {}

  bytes(at: number, count: number, what: string): Uint8Array {
    const into = new Uint8Array(Math.max(0, Math.min(count, this.fileBytes - at)));
    if (at < 0 || into.length !== count || this.file.readAt!(into, at) !== count)
      throw new PageferryError(
        'bad-stream',
        `${this.file.name}: no ${what} of ${count} bytes at ${at}: truncated, or not packed by this program`,
      );
    return into;
  }

  /** A record whose number in the stream is not known yet. */
  unchecked(
    at: number,
    type: RecordType,
    what: string,
  ): { head: Uint8Array; dataBytes: number; end: number } {
    const record = readRecordHead(this.bytes(at, RECORD_HEAD_BYTES, what), 'images', what);
    if (record.type !== type)
      throw new PageferryError(
        'bad-stream',
        `${what} at ${at}: a record of type ${record.type}, expected ${type}`,
      );
    const head = this.bytes(at + RECORD_HEAD_BYTES, record.headBytes, what);
    return {
      head,
      dataBytes: record.dataBytes,
      end: at + RECORD_HEAD_BYTES + record.headBytes + record.dataBytes,
    };
  }

  checked(
    at: number,
    type: RecordType,
    ordinal: number,
    what: string,
  ): { head: Uint8Array; dataBytes: number; end: number } {
    const record = readRecordHead(this.bytes(at, RECORD_HEAD_BYTES, what), 'images', what);
    const found = this.unchecked(at, type, what);
    const [low, high] = this.intake.check(
      found.head,
      recordSeed(type, ordinal, record.headBytes, record.dataBytes),
    );
    if (low !== record.check[0] || high !== record.check[1])
      throw new PageferryError(
        'bad-stream',
        `${what} at ${at}: damaged or out of place, its check does not match`,
      );
    return found;
  }

  /** The last record's head, when it is the last of a whole file. */
  trailer(at: number): Uint8Array {
    const last = this.bytes(this.fileBytes - TRAILER_MAGIC.length, TRAILER_MAGIC.length, 'trailer');
    if (TRAILER_MAGIC.some((byte, i) => last[i] !== byte))
      throw new PageferryError(
        'bad-stream',
        `${this.file.name}: does not end with an index: truncated or damaged`,
      );
    return this.unchecked(at, RECORD.TRAILER, 'trailer').head;
  }

  image(at: number, ordinal: number): ImageRecord {
    return readImage(this.checked(at, RECORD.IMAGE, ordinal, 'image record').head, 'image record');
  }
}
