import { digestText } from '../../dedup/image-digest.js';
import { PageferryError } from '../../page/error.js';
import { lastAtOrBelow } from '../../page/search.js';
import {
  DIGEST_BYTES,
  type FrameHead,
  type ImageEnd,
  type ImageRecord,
  type IndexEntry,
  MAX_IMAGES,
  RECORD,
  RECORD_HEAD_BYTES,
  type RecordType,
  STREAM_HEADER_BYTES,
  type StreamHeader,
  TRAILER_BYTES,
} from '../../stream/format.js';
import { readEnd } from '../../stream/image-records.js';
import { readFrameHead, readHeader, readIndex, readTrailer } from '../../stream/records.js';
import type { ByteCollector } from '../decode/byte-collector.js';
import { packedLimit } from '../unpack/frame-decoder.js';
import { type ReadableBytes, RecordReader } from './record-reader.js';

/** The images of a packed file and the positions of their frames. */
export interface StreamIndex {
  readonly header: StreamHeader;
  readonly images: readonly { readonly record: ImageRecord; readonly frames: readonly IndexEntry[] }[];
  readonly ends: readonly ImageEnd[];
  /** The number of each image among the carried ones; undefined for a base or a container. */
  readonly carried: readonly (number | undefined)[];
  /** Return the frame that has a page; the same object each time. @throws PageferryError */
  frameOf(image: number, page: number): IndexEntry;
  /**
   * Read a frame's record and store its data, or only the table's, in `data`. `file`: the source to read
   * from; default the file of the index.
   * @throws PageferryError
   */
  readFrame(
    entry: IndexEntry,
    data: Uint8Array,
    isTableOnly?: boolean,
    file?: ReadableBytes,
  ): { head: FrameHead; dataBytes: number };
}

/** Throw an error; that of a damaged file with what to do. */
export function throwWithRemedy(error: unknown): never {
  if (!(error instanceof PageferryError) || error.code !== 'bad-stream') throw error;
  throw badStream(`${error.message}; copy the file again, or pack the images again`);
}

/** Read and check a file's header, trailer, index, end record and image records. @throws PageferryError */
export async function readStreamIndex(
  collector: ByteCollector,
  file: ReadableBytes,
  fileBytes: number,
  maxFrameBytes: number,
): Promise<StreamIndex> {
  const reader = new RecordReader(collector, file, fileBytes);
  await file.load?.(0);
  const header = readHeader(
    reader.readBytes(0, STREAM_HEADER_BYTES, 'stream header'),
    'images',
    (bytes) => collector.check(bytes, [0, 0])[0],
  );
  if (header.maxFrameBytes > maxFrameBytes)
    throw new PageferryError(
      'limit',
      `stream header: frames of up to ${header.maxFrameBytes} bytes, more than maxFrameBytes (${maxFrameBytes})`,
    );
  // The trailer's check needs its ordinal, the number of records before it. That is known once the index is
  // read.
  const trailerAt = fileBytes - RECORD_HEAD_BYTES - TRAILER_BYTES;
  await file.load?.(trailerAt);
  const indexAt = readTrailer(reader.readTrailer(trailerAt), 'trailer');
  const entries: IndexEntry[] = [];
  const unchecked: { type: RecordType; at: number }[] = [];
  for (let at = indexAt; at < trailerAt; ) {
    await file.load?.(at);
    const { head, end } = reader.readUnchecked(at, RECORD.INDEX, 'index');
    for (const entry of readIndex(head, 'index')) entries.push(entry);
    if (entries.length > indexAt / RECORD_HEAD_BYTES)
      throw badStream(`index: more entries than records fit into ${indexAt} bytes`);
    unchecked.push({ type: RECORD.INDEX, at });
    at = end;
    if (at > trailerAt) throw badStream(`index: ends at byte ${at}, in the trailer`);
  }
  const imageCount = entries.filter(({ pageCount }) => pageCount === 0).length;
  if (imageCount > MAX_IMAGES) throw badStream(`index: ${imageCount} images, more than ${MAX_IMAGES}`);
  const endAt = indexAt - RECORD_HEAD_BYTES - 8 - imageCount * (8 + DIGEST_BYTES);
  // Order of the records: frames, images and image ends; then the end record, index records, the trailer.
  const records: ImageRecord[] = [];
  for (const { offset, ordinal, pageCount } of entries) {
    if (pageCount > 0) continue;
    await file.load?.(offset);
    records.push(reader.readImage(offset, ordinal));
  }
  const endCount = records.filter(({ kind }) => kind !== 'base').length;
  let ordinal = entries.length + endCount;
  await file.load?.(endAt);
  const ends = readEnd(reader.readChecked(endAt, RECORD.END, ordinal++, 'end record').head, 'end record');
  for (const { type, at } of unchecked) {
    await file.load?.(at);
    reader.readChecked(at, type, ordinal++, 'index');
  }
  await file.load?.(trailerAt);
  reader.readChecked(trailerAt, RECORD.TRAILER, ordinal, 'trailer');
  checkImages(records, ends);
  return streamIndex(header, records, entries, ends, reader, fileBytes);
}

/** Check that the image records and the end record agree. */
function checkImages(records: readonly ImageRecord[], ends: readonly ImageEnd[]): void {
  if (ends.length !== records.length)
    throw badStream(`end record: ${ends.length} images, the index has ${records.length}`);
  records.forEach(({ image, kind, bytes, digest }, i) => {
    const end = ends[i]!;
    if (kind === 'container' && records[i + 1]?.kind !== 'carried')
      throw badStream(`image ${i}: a container without the image after it`);
    if (image !== i) throw badStream(`index: image ${image}, expected ${i}`);
    if (bytes !== undefined && bytes !== end.bytes)
      throw badStream(`image ${i}: ${bytes} bytes, the end record says ${end.bytes}`);
    if (digest && digestText(digest) !== digestText(end.digest))
      throw badStream(
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
  fileBytes: number,
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
      throw badStream(`index: a frame at page ${entry.firstPage} of image ${entry.image}, out of order`);
    image.frames.push(entry);
    image.firstPages.push(entry.firstPage);
  }
  let count = 0;
  return {
    header,
    images,
    ends,
    carried: records.map(({ kind }) => (kind === 'carried' ? count++ : undefined)),
    frameOf(image, page) {
      const { frames, firstPages } = images[image] ?? { frames: [], firstPages: [] };
      const entry = frames[lastAtOrBelow(firstPages, page)];
      if (!entry || page < entry.firstPage || page >= entry.firstPage + entry.pageCount)
        throw badStream(`page ${page} of image ${image}: in no frame of the index`);
      return entry;
    },
    readFrame({ offset, ordinal, image, firstPage, pageCount }, data, isTableOnly, file = reader.file) {
      const label = `record ${ordinal}`;
      const from = new RecordReader(reader.collector, file, fileBytes);
      const { head: bytes, dataBytes, end } = from.readChecked(offset, RECORD.PAGES, ordinal, label);
      if (dataBytes > Math.min(data.length, packedLimit(header.maxFrameBytes)))
        throw badStream(`${label}: ${dataBytes} bytes of data, more than its stream announced`);
      const whole = readFrameHead(bytes, label);
      if (whole.image !== image || whole.firstPage !== firstPage || whole.pageCount !== pageCount)
        throw badStream(`${label}: is not the frame that the index names`);
      const head = isTableOnly ? { ...whole, segments: whole.segments.slice(0, 1) } : whole;
      const wanted = isTableOnly ? Math.min(dataBytes, head.segments[0]!.packedBytes) : dataBytes;
      const count = file.readAt(data.subarray(0, wanted), end - dataBytes);
      if (count !== wanted) throw badStream(`${label}: expected ${wanted} bytes of data, got ${count}`);
      return { head, dataBytes: wanted };
    },
  };
}

function badStream(message: string): PageferryError {
  return new PageferryError('bad-stream', message);
}
