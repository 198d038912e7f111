import { type ErrorCode, PageferryError } from '../../page/error.js';

// Layout of all jobs. A job is a record in the memory that all threads share: words (u32) of arguments and
// results, then the text of an error. Threads exchange only its address, so nothing is copied. In code, `job`
// is the address of a record and `at` the index of its first word: `at = job >>> 2`.

/** Bytes of a job's record. */
export const JOB_BYTES = 768;

/** Words of every job, as offsets from `at`. Words 4 to 62 are arguments and results of its kind. */
export const JOB = {
  STATUS: 0,
  KIND: 1,
  /** Results: elapsed µs, and the µs of them in which the thread waited for a core. */
  WALL_US: 2,
  WAIT_US: 3,
  /** 1: the job may take long, as packing with zstd does above level 1: up to a second at high levels. */
  IS_LONG: 63,
  /**
   * First word of the error: its code (high half) and its length in UTF-16 units (low half); then the units.
   */
  TEXT: 64,
} as const;

export const JOB_STATUS = { IDLE: 0, QUEUED: 1, DONE: 2, FAILED: 3 } as const;

/**
 * Kinds of jobs. Their records are in `ingest-job.ts`, `pack-job.ts`, `decode-job.ts` and
 * `page-frames/pack-pages-job.ts`.
 */
export const JOB_KIND = { INGEST: 1, PACK: 2, DECODE: 3, PACK_PAGES: 4 } as const;

/** Begin to write the record of a job; return the index of its first word. */
export function beginJob(words: Uint32Array, job: number, kind: number, isLong = false): number {
  const at = job >>> 2;
  words[at + JOB.KIND] = kind;
  words[at + JOB.IS_LONG] = isLong ? 1 : 0;
  return at;
}

export function isLongJob(words: ArrayLike<number>, job: number): boolean {
  return words[(job >>> 2) + JOB.IS_LONG] === 1;
}

/** Return the duration of an ended job, and the part of it in which the thread waited for a core. */
export function jobTime(words: Uint32Array, job: number): { ms: number; waitMs: number } {
  const at = job >>> 2;
  return { ms: words[at + JOB.WALL_US]! / 1000, waitMs: words[at + JOB.WAIT_US]! / 1000 };
}

const MAX_TEXT_UNITS = (JOB_BYTES - 4 * JOB.TEXT - 4) / 2;

const ERROR_CODES: readonly ErrorCode[] = ['io', 'bad-stream', 'unsupported', 'limit', 'bad-argument'];

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
