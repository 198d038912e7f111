import { type ErrorCode, PageferryError } from '../../page/error.js';

// Layout of jobs. A job is a record in the memory that all threads share: words (u32) of arguments and
// results, then the text of an error. Threads exchange only its address, so nothing is copied. In code, `job`
// is the address of a record and `at` the index of its first word: `at = job >>> 2`.

/** Bytes of a job's record. */
export const JOB_BYTES = 768;

/** Words of every job, as offsets from `at`. */
export const JOB = {
  STATUS: 0,
  KIND: 1,
  /** Results: elapsed µs, and the µs of them in which the thread waited for a core. */
  WALL_US: 2,
  WAIT_US: 3,
  /** First word of the arguments. */
  ARGS: 4,
  /**
   * First word of the error: its code (high half) and its length in UTF-16 units (low half); then the units.
   */
  TEXT: 64,
} as const;

export const JOB_STATUS = { IDLE: 0, QUEUED: 1, DONE: 2, FAILED: 3 } as const;

/** PACK_PAGES: the job of a store, `src/engine/page-frames/pack-pages.ts`. */
export const JOB_KIND = { INGEST: 1, PACK: 2, DECODE: 3, PACK_PAGES: 4 } as const;

/** `PACK.PACKED` of a stored segment whose bytes are written from its runs, without a copy. */
export const IN_RUNS = 0;

/** Words of a job that reads, scans and hashes a chunk of an image. */
export const INGEST = {
  /** Address of the chunk, and its bytes. */
  ADDRESS: 4,
  BYTES: 5,
  /** File descriptor to read the chunk from and the offset in the file; NO_FILE: it is in memory already. */
  FILE: 6,
  OFFSET_LOW: 7,
  OFFSET_HIGH: 8,
  PAGE_BYTES: 9,
  /** Addresses of results: the pages' classes (u16 each) and digests (16 bytes each). */
  CLASSES: 10,
  DIGESTS: 11,
  /** Address of the digest of a zero page. */
  ZERO_DIGEST: 12,
  /** Result: bytes read. */
  READ: 13,
  /**
   * The parent image: its file descriptor or NO_FILE, the offset in the file, and the bytes available there;
   * the address that its pages are read to; the address of the result (u8 a page: 1 if equal to the
   * parent's).
   */
  PARENT_FILE: 14,
  PARENT_LOW: 15,
  PARENT_HIGH: 16,
  PARENT_BYTES: 17,
  PARENT: 18,
  EQUAL: 19,
  /** Result: µs of the job in which it read files. */
  READ_US: 20,
  /** Address of the key of keyed digests (32 bytes), or 0: the digests are XXH3-128. */
  KEY: 21,
  /** Address of the `Turns` (0: the pages are not looked up), and the job's turn. */
  TURNS: 22,
  TURN: 23,
  /** Arguments of `indexAddPages`; REFERENCES: address of its results, 8 bytes a page. */
  INDEX: 24,
  BUCKETS: 25,
  KNOWN: 26,
  IMAGE: 27,
  FIRST_PAGE: 28,
  REFERENCES: 29,
  /** Result: µs of the look-ups. */
  LOOKED_US: 30,
  /** The JOB_STATUS to set once the job's turn has ended. */
  OUTCOME: 31,
} as const;

export const NO_FILE = 0xffffffff;

/** Words of a job that packs a segment. */
export const PACK = {
  /** Address and number of the segment's runs (two words each: address, bytes), and the bytes of all runs. */
  RUNS: 4,
  RUN_COUNT: 5,
  BYTES: 6,
  /** Number of the packing in PACKINGS, and the level of zstd. */
  PACKING: 7,
  LEVEL: 8,
  /** Address of the output, whose capacity is `packedLz4Capacity` of the bytes. */
  OUTPUT: 9,
  /** Results: the packing used, the address of the packed bytes or IN_RUNS, their number, and their check. */
  USED_PACKING: 10,
  PACKED: 11,
  PACKED_BYTES: 12,
  CHECK_LOW: 13,
  CHECK_HIGH: 14,
  /** A second level of zstd to try; 0: none. */
  SECOND_LEVEL: 15,
  /** 1: pack with the kernels' zstd; 0: with Node's or the caller's. */
  BY_KERNELS: 16,
  /** Addresses of zstd's scratch and a buffer for a window of the whole segment; 0: use the thread's own. */
  WIDE_SCRATCH: 17,
  WIDE_BUFFER: 18,
} as const;

export const PACKINGS = ['raw', 'lz4', 'zstd'] as const;

/** Words of a job that unpacks a frame and decodes its pages until the chunk is full; it may run again. */
export const DECODE = {
  /** Address and bytes of the frame's head, and of its data. */
  HEAD: 4,
  HEAD_BYTES: 5,
  DATA: 6,
  DATA_BYTES: 7,
  /** Address that the frame is unpacked to, and the limit on its unpacked bytes. */
  UNPACKED: 8,
  MAX_FRAME_BYTES: 9,
  PAGE_BYTES: 10,
  /** The image that the table's first reference is relative to. */
  EXPECTED_IMAGE: 11,
  /** Address and capacity of the chunk that pages are decoded to, and address of their digests. */
  CHUNK: 12,
  CHUNK_BYTES: 13,
  DIGESTS: 14,
  /** Address of the extents, which are results, and their maximum number. */
  EXTENTS: 15,
  MAX_EXTENTS: 16,
  /** Address of the saved position in the frame; the job continues there if IS_OPEN is 1. */
  POSITION: 17,
  IS_OPEN: 18,
  /** Pages of the frame that are not decoded yet; the job updates it. */
  PAGES_LEFT: 20,
  /** Result: number of extents, also when the job fails after them. */
  EXTENT_COUNT: 21,
  /** Address of the totals of the job's `DecodeMeter`, which are results. */
  COSTS: 22,
} as const;

/**
 * Numbers (f64) of an extent: consecutive pages of one codec and segment.
 * - Zero pages take no space in the chunk.
 * - Decoded pages are in the chunk: CODED is 0. Or, for a run of raw pages: they stay at CODED, in their
 *   segment.
 * - References: the chunk has space for the pages. IMAGE and PAGE name the target of the first one; the
 *   targets of the others follow it. For *unchanged* the target is the parent's page at the same position.
 * - A delta is a reference of one page with coded bytes at CODED.
 */
export const EXTENT = {
  CODEC: 0,
  PAGES: 1,
  SEGMENT: 2,
  IMAGE: 3,
  PAGE: 4,
  CODED: 5,
  CODED_BYTES: 6,
  NUMBERS: 8,
} as const;

/** Return whether a job may take long: packing with zstd takes up to a second at high levels. */
export function isLongJob(words: ArrayLike<number>, job: number): boolean {
  const at = job >>> 2;
  const kind = words[at + JOB.KIND];
  if (kind === JOB_KIND.PACK_PAGES) return true;
  return kind === JOB_KIND.PACK && PACKINGS[words[at + PACK.PACKING]!] === 'zstd';
}

const MAX_TEXT_UNITS = (JOB_BYTES - 4 * JOB.TEXT - 4) / 2;

const ERROR_CODES: readonly ErrorCode[] = ['io', 'bad-stream', 'unsupported', 'limit'];

/** Store an error in a job: its text, and its code, or `io` if the code is none of ERROR_CODES. */
export function setJobError(words: Uint32Array, job: number, cause: unknown): void {
  const text = cause instanceof Error ? cause.message : String(cause);
  const code = cause instanceof PageferryError ? Math.max(0, ERROR_CODES.indexOf(cause.code)) : 0;
  const first = (job >>> 2) + JOB.TEXT;
  const count = Math.min(text.length, MAX_TEXT_UNITS);
  const units = new Uint16Array(words.buffer, 4 * (first + 1), count);
  words[first] = (code << 16) | count;
  for (let i = 0; i < count; i++) units[i] = text.charCodeAt(i);
}

/** Return the error of a failed job. */
export function jobError(words: Uint32Array, job: number): PageferryError {
  const first = (job >>> 2) + JOB.TEXT;
  const units = new Uint16Array(words.buffer, 4 * (first + 1), words[first]! & 0xffff);
  return new PageferryError(ERROR_CODES[words[first]! >>> 16]!, String.fromCharCode(...units));
}
