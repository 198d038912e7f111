// The job that unpacks a frame and decodes its pages until the chunk is full: its record, and the functions
// that write, run and read it. The same job runs again until no pages of the frame are left.
import type { CodecContext } from '../../codec/codec.js';
import type { ZstdSet } from '../../codec/zstd/load.js';
import { readFrameHead } from '../../stream/records.js';
import { FrameDecoder, POSITION_NUMBERS } from '../unpack/frame-decoder.js';
import { DecodeMeter, METER_NUMBERS } from './decode-meter.js';
import { PageDecoder } from './decode-pages.js';
import { Extents } from './extents.js';
import { beginJob, JOB_KIND } from './job.js';

// Words of the job.
/** Address and bytes of the frame's head, and of its data. */
const DECODE_HEAD = 4;
const DECODE_HEAD_BYTES = 5;
const DECODE_DATA = 6;
const DECODE_DATA_BYTES = 7;
/** Address that the frame is unpacked to, and the limit on its unpacked bytes. */
const DECODE_UNPACKED = 8;
const DECODE_MAX_FRAME_BYTES = 9;
const DECODE_PAGE_BYTES = 10;
/** The image that the table's first reference is relative to. */
const DECODE_EXPECTED_IMAGE = 11;
/** Address and capacity of the chunk that pages are decoded to, and address of their digests. */
const DECODE_CHUNK = 12;
const DECODE_CHUNK_BYTES = 13;
const DECODE_DIGESTS = 14;
/** Address of the extents, which are results, and their maximum number. */
const DECODE_EXTENTS = 15;
const DECODE_MAX_EXTENTS = 16;
/** Address of the saved position in the frame; the job continues there if IS_OPEN is 1. */
const DECODE_POSITION = 17;
const DECODE_IS_OPEN = 18;
/** Pages of the frame that are not decoded yet; the job updates it. */
const DECODE_PAGES_LEFT = 20;
/** Result: number of extents, also when the job fails after them. */
const DECODE_EXTENT_COUNT = 21;
/** Address of the totals of the job's `DecodeMeter`, which are results. */
const DECODE_COSTS = 22;

/** Memory of a decoding job: addresses of its record, arguments and results, and capacities. */
export interface DecodeMemory {
  readonly job: number;
  /** The frame's head. */
  readonly head: number;
  readonly position: number;
  readonly extents: number;
  readonly maxExtents: number;
  readonly costs: number;
  readonly chunk: number;
  readonly chunkBytes: number;
  readonly digests: number;
}

/** The frame that a job decodes. */
export interface DecodeSettings {
  readonly headBytes: number;
  /** Address and bytes of the frame's data. */
  readonly data: number;
  readonly dataBytes: number;
  /** Address that the frame is unpacked to, and the limit on its unpacked bytes. */
  readonly unpacked: number;
  readonly maxFrameBytes: number;
  readonly pageBytes: number;
  readonly pageCount: number;
  /** The image that the table's first reference is relative to. */
  readonly expectedImage: number;
}

/** Results of a decoding job. */
export interface DecodeResult {
  /** Pages of the frame that are not decoded yet. */
  readonly pagesLeft: number;
  /** Number of extents, also if the job has failed after them. */
  readonly extentCount: number;
}

/** Write the record of a job that decodes a frame from its beginning. */
export function writeDecodeJob(words: Uint32Array, memory: DecodeMemory, frame: DecodeSettings): void {
  const at = beginJob(words, memory.job, JOB_KIND.DECODE);
  words[at + DECODE_HEAD] = memory.head;
  words[at + DECODE_HEAD_BYTES] = frame.headBytes;
  words[at + DECODE_DATA] = frame.data;
  words[at + DECODE_DATA_BYTES] = frame.dataBytes;
  words[at + DECODE_UNPACKED] = frame.unpacked;
  words[at + DECODE_MAX_FRAME_BYTES] = frame.maxFrameBytes;
  words[at + DECODE_PAGE_BYTES] = frame.pageBytes;
  words[at + DECODE_EXPECTED_IMAGE] = frame.expectedImage;
  words[at + DECODE_CHUNK] = memory.chunk;
  words[at + DECODE_CHUNK_BYTES] = memory.chunkBytes;
  words[at + DECODE_DIGESTS] = memory.digests;
  words[at + DECODE_EXTENTS] = memory.extents;
  words[at + DECODE_MAX_EXTENTS] = memory.maxExtents;
  words[at + DECODE_COSTS] = memory.costs;
  words[at + DECODE_POSITION] = memory.position;
  words[at + DECODE_IS_OPEN] = 0;
  words[at + DECODE_PAGES_LEFT] = frame.pageCount;
}

/** Read the results of an ended job. */
export function readDecodeResult(words: Uint32Array, job: number): DecodeResult {
  const at = job >>> 2;
  return { pagesLeft: words[at + DECODE_PAGES_LEFT]!, extentCount: words[at + DECODE_EXTENT_COUNT]! };
}

/**
 * Run a job: unpack the frame, then decode and hash its pages until the chunk or the list of extents is full.
 * Pages that refer to other pages are only listed: the calling thread, which has those pages, decodes them.
 * `check`: address of 16 bytes. The input is untrusted.
 * @throws PageferryError whose message lacks the frame's name at its start
 */
export function runDecodeJob(codec: CodecContext, zstd: ZstdSet, check: number, job: number): void {
  const { words, bytes } = codec.kernels;
  const { buffer } = words;
  const at = job >>> 2;
  words[at + DECODE_EXTENT_COUNT] = 0;
  const headAt = words[at + DECODE_HEAD]!;
  const head = readFrameHead(bytes.subarray(headAt, headAt + words[at + DECODE_HEAD_BYTES]!), '');
  const memory = { unpacked: words[at + DECODE_UNPACKED]!, check };
  const meter = new DecodeMeter();
  meter.start();
  const frame = new FrameDecoder(codec, zstd, memory, words[at + DECODE_MAX_FRAME_BYTES]!, meter);
  const position = new Float64Array(buffer, words[at + DECODE_POSITION]!, POSITION_NUMBERS);
  const isOpen = words[at + DECODE_IS_OPEN] !== 0;
  const [data, dataBytes] = [words[at + DECODE_DATA]!, words[at + DECODE_DATA_BYTES]!];
  frame.open(head, data, dataBytes, words[at + DECODE_EXPECTED_IMAGE]!, '', isOpen ? position : undefined);
  words[at + DECODE_IS_OPEN] = 1;
  const extents = new Extents(buffer, words[at + DECODE_EXTENTS]!, words[at + DECODE_MAX_EXTENTS]!);
  const chunk = {
    address: words[at + DECODE_CHUNK]!,
    bytes: words[at + DECODE_CHUNK_BYTES]!,
    digests: words[at + DECODE_DIGESTS]!,
    pageBytes: words[at + DECODE_PAGE_BYTES]!,
  };
  const pages = new PageDecoder(codec, head, frame, chunk, extents, words[at + DECODE_PAGES_LEFT]!);
  try {
    pages.decode();
  } finally {
    words[at + DECODE_EXTENT_COUNT] = extents.count;
  }
  meter.decoded(0);
  meter.save(new Float64Array(buffer, words[at + DECODE_COSTS]!, METER_NUMBERS));
  words[at + DECODE_PAGES_LEFT] = pages.left;
  if (pages.left === 0) frame.close();
  else frame.save(position);
}
