import { type ErrorCode, PageferryError } from '../../page/error.js';

// Jobs: what a thread does with memory that all threads share. A job is a record in the kernels' memory, so
// that handing it over copies nothing: words of arguments and results, then the text of an error.

/** Bytes of a job's record. */
export const JOB_BYTES = 768;

/** Words of every job. */
export const JOB = {
  STATUS: 0,
  KIND: 1,
  /** Duration, and the part of it in which the thread waited for a core, in microseconds. */
  WALL_US: 2,
  WAIT_US: 3,
  /** First word of the arguments. */
  ARGS: 4,
  /** First word of the error: its text's length in UTF-16 units and its code, then the units. */
  TEXT: 64,
} as const;

export const JOB_STATUS = { IDLE: 0, QUEUED: 1, DONE: 2, FAILED: 3 } as const;

/** PACK_PAGES: the job of `src/engine/page-frames/pack-pages.ts`. */
export const JOB_KIND = { INGEST: 1, PACK: 2, DECODE: 3, PACK_PAGES: 4 } as const;

/** `PACK.PACKED` of a segment that is stored from its runs. */
export const IN_RUNS = 0;

/** Words of a job that reads, scans and hashes a chunk of an image. */
export const INGEST = {
  /** Address of the chunk, and its bytes. */
  ADDRESS: 4,
  BYTES: 5,
  /** Descriptor to read the chunk from, or NO_FILE when it is in memory, and the offset in the file. */
  FILE: 6,
  OFFSET_LOW: 7,
  OFFSET_HIGH: 8,
  PAGE_BYTES: 9,
  /** Address of the pages' classes (u16 each) and digests (16 bytes each), which the job writes. */
  CLASSES: 10,
  DIGESTS: 11,
  /** Address of the digest of a zero page. */
  ZERO_DIGEST: 12,
  /** Result: bytes read. */
  READ: 13,
  /**
   * Descriptor of the parent's file or NO_FILE, offset in it, and how many bytes of the parent there are from
   * there on; where its pages go; and where the job writes which pages equal the parent's (u8 a page).
   */
  PARENT_FILE: 14,
  PARENT_LOW: 15,
  PARENT_HIGH: 16,
  PARENT_BYTES: 17,
  PARENT: 18,
  EQUAL: 19,
  /** Result: the part of the job's duration in which it read, in microseconds. */
  READ_US: 20,
  /** Address of the key of keyed digests (32 bytes), or 0: the digests are XXH3-128. */
  KEY: 21,
  /** Address of the turns, or 0: the pages are not looked up; and the job's turn. */
  TURNS: 22,
  TURN: 23,
  /** The page index and its arguments; where the references of the pages go (8 bytes a page). */
  INDEX: 24,
  BUCKETS: 25,
  KNOWN: 26,
  IMAGE: 27,
  FIRST_PAGE: 28,
  REFERENCES: 29,
  /** Result: duration of the look-ups, in microseconds. */
  LOOKED_US: 30,
  /** The status that the job has after its turn. */
  OUTCOME: 31,
} as const;

export const NO_FILE = 0xffffffff;

/** Words of a job that packs a segment. */
export const PACK = {
  /** Address and number of the segment's runs: address and length, a word each; and their bytes. */
  RUNS: 4,
  RUN_COUNT: 5,
  BYTES: 6,
  /** Number of the packing in PACKINGS, and the level of zstd. */
  PACKING: 7,
  LEVEL: 8,
  /** Address of the output, which holds `packedLz4Capacity` of the bytes. */
  OUTPUT: 9,
  /** Results: the packing, the address (0: the runs) and number of the packed bytes, and their check. */
  USED_PACKING: 10,
  PACKED: 11,
  PACKED_BYTES: 12,
  CHECK_LOW: 13,
  CHECK_HIGH: 14,
  /** A second level of zstd to try; 0: none. */
  SECOND_LEVEL: 15,
  /** 1: zstd of the kernels; 0: the other implementation. */
  BY_KERNELS: 16,
  /** Addresses of memory for a large segment: zstd's scratch and a buffer; 0: the thread's own is used. */
  WIDE_SCRATCH: 17,
  WIDE_BUFFER: 18,
} as const;

export const PACKINGS = ['raw', 'lz4', 'zstd'] as const;

/** Words of a job that unpacks a frame and decodes its pages, or as many as a chunk has space for. */
export const DECODE = {
  /** Address and number of the bytes of the frame's head and data. */
  HEAD: 4,
  HEAD_BYTES: 5,
  DATA: 6,
  DATA_BYTES: 7,
  /** Address that the frame is unpacked to, and its maximum bytes. */
  UNPACKED: 8,
  MAX_FRAME_BYTES: 9,
  PAGE_BYTES: 10,
  /** Image that the frame's first reference is relative to. */
  EXPECTED_IMAGE: 11,
  /** Address and capacity of the chunk, and address of the digests of its pages. */
  CHUNK: 12,
  CHUNK_BYTES: 13,
  DIGESTS: 14,
  /** Address of the extents, which the job writes, and how many there may be. */
  EXTENTS: 15,
  MAX_EXTENTS: 16,
  /** Address of the position in the frame, from which the job goes on if IS_OPEN is set. */
  POSITION: 17,
  IS_OPEN: 18,
  /** Pages that are left, before and after the job. */
  PAGES_LEFT: 20,
  /** Result: number of extents, those before an error included. */
  EXTENT_COUNT: 21,
  /** Result: address of the totals of the job's meter. */
  COSTS: 22,
} as const;

/**
 * Numbers (f64) of an extent: consecutive pages of one codec and segment, those of the chunk in its order.
 * Pages that refer to others are not in the chunk yet, which has space for them: IMAGE and PAGE are those of
 * the first reference, of which the next ones follow; CODED is the address of the coded bytes of one page. Of
 * uncoded pages, CODED is the address of the first if they stay in their segment, or 0.
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

/** Whether a job may take long: packing with zstd takes up to a second for some levels. */
export function isLongJob(words: ArrayLike<number>, job: number): boolean {
  const at = job >>> 2;
  const kind = words[at + JOB.KIND];
  if (kind === JOB_KIND.PACK_PAGES) return true;
  return kind === JOB_KIND.PACK && PACKINGS[words[at + PACK.PACKING]!] === 'zstd';
}

const MAX_TEXT_UNITS = (JOB_BYTES - 4 * JOB.TEXT - 4) / 2;

const ERROR_CODES: readonly ErrorCode[] = ['io', 'bad-stream', 'unsupported', 'limit'];

/** Write an error to a job: its text, and its code if it is one of ERROR_CODES, else `io`. */
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
