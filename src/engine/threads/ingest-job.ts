// The job that reads, scans and hashes a chunk of an image, compares its pages with the parent's, and looks
// them up: its record, the functions that write and read it, and its runner.
import type { CodecContext } from '../../codec/codec.js';
import type { PageIndex } from '../../dedup/page-index.js';
import { nodeModule } from '../../page/node-hooks.js';
import type { FileRange } from '../../page/source.js';
import type { PageFrameJobs } from '../page-frames/jobs.js';
import { confirmDuplicates } from './confirm-duplicates.js';
import { beginJob, JOB, JOB_KIND, JOB_STATUS } from './job.js';
import { BLOCK_BYTES } from './runner-slots.js';
import { compareWithParent, surveyPages } from './survey.js';
import { endInTurn, type Turns } from './turns.js';

// Words of the job.
/** Address of the chunk, and its bytes. */
const INGEST_ADDRESS = 4;
const INGEST_BYTES = 5;
/** File descriptor to read the chunk from and the offset in the file; NO_FILE: it is in memory already. */
const INGEST_FILE = 6;
const INGEST_OFFSET_LOW = 7;
const INGEST_OFFSET_HIGH = 8;
const INGEST_PAGE_BYTES = 9;
/** Addresses of results: the pages' classes (u16 each) and digests (16 bytes each). */
const INGEST_CLASSES = 10;
const INGEST_DIGESTS = 11;
/** Address of the digest of a zero page. */
const INGEST_ZERO_DIGEST = 12;
/** Result: bytes read. */
const INGEST_READ = 13;
/**
 * The parent image: its file descriptor or NO_FILE, the offset in the file, and the bytes available there;
 * the address that its pages are read to; the address of the result (u8 a page: 1 if equal to the
 * parent's).
 */
const INGEST_PARENT_FILE = 14;
const INGEST_PARENT_LOW = 15;
const INGEST_PARENT_HIGH = 16;
const INGEST_PARENT_BYTES = 17;
const INGEST_PARENT = 18;
const INGEST_EQUAL = 19;
/** Result: µs of the job in which it read files. */
const INGEST_READ_US = 20;
/** Address of the key of keyed digests (32 bytes), or 0: the digests are XXH3-128. */
const INGEST_KEY = 21;
/** Address of the `Turns` (0: the pages are not looked up), and the job's turn. */
const INGEST_TURNS = 22;
const INGEST_TURN = 23;
/** Arguments of `indexAddPages`; REFERENCES: address of its results, 8 bytes a page. */
const INGEST_INDEX = 24;
const INGEST_BUCKETS = 25;
const INGEST_KNOWN = 26;
const INGEST_IMAGE = 27;
const INGEST_FIRST_PAGE = 28;
const INGEST_REFERENCES = 29;
/** Result: µs of the look-ups. */
const INGEST_LOOKED_US = 30;
/** The JOB_STATUS to set once the job's turn has ended. */
const INGEST_OUTCOME = 31;

const NO_FILE = 0xffffffff;

/** A chunk of an image: addresses of its job, of its pages, and of the job's results. */
export interface IngestChunk {
  readonly job: number;
  readonly address: number;
  readonly bytes: number;
  readonly classes: number;
  readonly digests: number;
  readonly parent: number;
  readonly equal: number;
  readonly references: number;
}

/** Settings of all ingest jobs of a stream. */
export interface IngestSettings {
  readonly pageBytes: number;
  /** Address of the digest of a zero page. */
  readonly zeroDigest: number;
  /** Address of the key of keyed digests; absent: the digests are XXH3-128. */
  readonly digestKey?: number;
}

/** Sources of the pages of an ingest job. */
interface IngestSources {
  /** The file range to read the chunk from; absent: its bytes are in memory. */
  readonly range: FileRange | undefined;
  /** The file range of the parent's pages, and the bytes available there; absent: they are not compared. */
  readonly parentRange: FileRange | undefined;
  readonly parentBytes: number;
  /** The index to look the pages up in, and the number of the first page; absent: they are not looked up. */
  readonly lookUp:
    | { readonly index: PageIndex; readonly turns: Turns; readonly image: number; readonly firstPage: number }
    | undefined;
}

/** Results of an ingest job. */
export interface IngestResult {
  readonly readBytes: number;
  readonly readMs: number;
  readonly lookUpMs: number;
}

/** Write the record of a chunk's job. If the job looks pages up, it takes the next turn, so start it. */
export function writeIngestJob(
  words: Uint32Array,
  chunk: IngestChunk,
  settings: IngestSettings,
  { range, parentRange, parentBytes, lookUp }: IngestSources,
): void {
  const at = beginJob(words, chunk.job, JOB_KIND.INGEST);
  words[at + INGEST_ADDRESS] = chunk.address;
  words[at + INGEST_BYTES] = chunk.bytes;
  words[at + INGEST_PAGE_BYTES] = settings.pageBytes;
  words[at + INGEST_CLASSES] = chunk.classes;
  words[at + INGEST_DIGESTS] = chunk.digests;
  words[at + INGEST_ZERO_DIGEST] = settings.zeroDigest;
  words[at + INGEST_KEY] = settings.digestKey ?? 0;
  writeRange(words, at + INGEST_FILE, range);
  words[at + INGEST_PARENT] = chunk.parent;
  words[at + INGEST_EQUAL] = chunk.equal;
  writeRange(words, at + INGEST_PARENT_FILE, parentRange);
  words[at + INGEST_PARENT_BYTES] = parentBytes;
  words[at + INGEST_TURNS] = 0;
  if (!lookUp) return;
  const { index, turns, image, firstPage } = lookUp;
  words[at + INGEST_TURNS] = turns.address;
  words[at + INGEST_TURN] = turns.take();
  words[at + INGEST_INDEX] = index.index;
  words[at + INGEST_BUCKETS] = index.bucketCount;
  words[at + INGEST_KNOWN] = index.known;
  words[at + INGEST_IMAGE] = image;
  words[at + INGEST_FIRST_PAGE] = firstPage;
  words[at + INGEST_REFERENCES] = chunk.references;
}

function writeRange(words: Uint32Array, at: number, range: FileRange | undefined): void {
  words[at] = range?.file ?? NO_FILE;
  words[at + 1] = (range?.offset ?? 0) % 2 ** 32;
  words[at + 2] = Math.floor((range?.offset ?? 0) / 2 ** 32);
}

/** Read the results of an ended job. */
export function readIngestResult(words: Uint32Array, job: number): IngestResult {
  const at = job >>> 2;
  return {
    readBytes: words[at + INGEST_READ]!,
    readMs: words[at + INGEST_READ_US]! / 1000,
    lookUpMs: words[at + INGEST_LOOKED_US]! / 1000,
  };
}

/** Runs ingest jobs. */
export class IngestRunner {
  /** Ms in which the current job read files. */
  private readMs = 0;
  private readonly fs = nodeModule<typeof import('node:fs')>('node:fs');

  constructor(
    private readonly codec: CodecContext,
    /** The whole memory, for atomic operations. */
    private readonly control: Int32Array,
    /** Address of a buffer of BLOCK_BYTES bytes. */
    private readonly block: number,
    private readonly frameJobs: PageFrameJobs | undefined,
    /** Called with the duration of each step of `end`. */
    private readonly onMs: (ms: number) => void,
  ) {}

  /** Read, scan and hash the pages, and compare them with the parent's. */
  run(job: number): void {
    const { kernels } = this.codec;
    const { words } = kernels;
    const at = job >>> 2;
    const address = words[at + INGEST_ADDRESS]!;
    const bytes = words[at + INGEST_BYTES]!;
    const pageBytes = words[at + INGEST_PAGE_BYTES]!;
    const file = words[at + INGEST_FILE]!;
    const offset = words[at + INGEST_OFFSET_LOW]! + words[at + INGEST_OFFSET_HIGH]! * 2 ** 32;
    this.readMs = 0;
    const read = file === NO_FILE ? bytes : this.read(file, offset, address, bytes);
    words[at + INGEST_READ] = read;
    const pages = Math.floor(read / pageBytes);
    const [classes, digests] = [words[at + INGEST_CLASSES]!, words[at + INGEST_DIGESTS]!];
    const key = words[at + INGEST_KEY]!;
    if (key !== 0) this.frameJobs!.surveyKeyed(this.codec, address, pages, pageBytes, classes, digests, key);
    else surveyPages(kernels, address, pages, pageBytes, classes, digests, words[at + INGEST_ZERO_DIGEST]!);
    if (words[at + INGEST_PARENT_FILE] !== NO_FILE) this.compareParent(at, address, pages);
    words[at + INGEST_READ_US] = Math.round(this.readMs * 1000);
  }

  /**
   * Look the pages of a job up when its turn comes, then set its status. Returns the number of jobs that
   * ended (`endInTurn`), or undefined if the job has no turn.
   */
  end(job: number, status: number): number | undefined {
    const { words } = this.codec.kernels;
    const at = job >>> 2;
    const turns = words[at + INGEST_TURNS]!;
    if (turns === 0) return undefined;
    words[at + INGEST_OUTCOME] = status;
    return endInTurn(this.control, turns, job, words[at + INGEST_TURN]!, this.lookUp, this.confirm);
  }

  /** Look up the pages of a job in the page index, when its turn comes. */
  private readonly lookUp = (job: number): void => {
    const { words, run } = this.codec.kernels;
    const at = job >>> 2;
    if (words[at + INGEST_OUTCOME] !== JOB_STATUS.DONE) return;
    const startedMs = performance.now();
    run.indexAddPages(
      words[at + INGEST_INDEX]!,
      words[at + INGEST_BUCKETS]!,
      words[at + INGEST_DIGESTS]!,
      words[at + INGEST_CLASSES]!,
      Math.floor(words[at + INGEST_READ]! / words[at + INGEST_PAGE_BYTES]!),
      words[at + INGEST_IMAGE]!,
      words[at + INGEST_FIRST_PAGE]!,
      words[at + INGEST_REFERENCES]!,
      words[at + INGEST_KNOWN]!,
    );
    words[at + INGEST_LOOKED_US] = this.addTime(at, startedMs);
  };

  /** Compare the pages of a job with those that the index found, and set the job's status. */
  private readonly confirm = (job: number): void => {
    const { kernels } = this.codec;
    const { words } = kernels;
    const at = job >>> 2;
    const outcome = words[at + INGEST_OUTCOME]!;
    if (outcome === JOB_STATUS.DONE) {
      const startedMs = performance.now();
      const pageBytes = words[at + INGEST_PAGE_BYTES]!;
      const chunk = {
        address: words[at + INGEST_ADDRESS]!,
        pages: Math.floor(words[at + INGEST_READ]! / pageBytes),
        pageBytes,
        image: words[at + INGEST_IMAGE]!,
        firstPage: words[at + INGEST_FIRST_PAGE]!,
        references: words[at + INGEST_REFERENCES]!,
      };
      const buffer = { address: this.block, bytes: BLOCK_BYTES };
      try {
        confirmDuplicates(kernels, chunk, words[at + INGEST_KNOWN]!, buffer, this.read);
      } catch {
        // The file cannot be read any more: the calling thread reads it again and reports the error.
      }
      this.addTime(at, startedMs);
    }
    Atomics.store(this.control, at + JOB.STATUS, outcome);
  };

  /** Add the time since `startedMs` to the duration of a job; return it in µs. */
  private addTime(at: number, startedMs: number): number {
    const ms = performance.now() - startedMs;
    this.onMs(ms);
    const us = Math.round(ms * 1000);
    this.codec.kernels.words[at + JOB.WALL_US]! += us;
    return us;
  }

  private compareParent(at: number, address: number, pages: number): void {
    const { kernels } = this.codec;
    const { words } = kernels;
    const pageBytes = words[at + INGEST_PAGE_BYTES]!;
    const classes = words[at + INGEST_CLASSES]!;
    const parent = { address: words[at + INGEST_PARENT]!, equal: words[at + INGEST_EQUAL]! };
    const parentFile = words[at + INGEST_PARENT_FILE]!;
    const parentOffset = words[at + INGEST_PARENT_LOW]! + words[at + INGEST_PARENT_HIGH]! * 2 ** 32;
    const available = words[at + INGEST_PARENT_BYTES]!;
    compareWithParent(kernels, { address, pages, pageBytes, classes }, parent, (from, to) => {
      const wanted = Math.max(0, Math.min(to, available) - from);
      return this.read(parentFile, parentOffset + from, parent.address + from, wanted);
    });
  }

  /** Read from a file into the kernels' memory; return the bytes read, fewer only at the file's end. */
  private readonly read = (file: number, offset: number, address: number, bytes: number): number => {
    const startedMs = performance.now();
    const into = this.codec.kernels.bytes.subarray(address, address + bytes);
    let done = 0;
    while (done < bytes) {
      const count = this.fs!.readSync(file, into, done, bytes - done, offset + done);
      if (count === 0) break;
      done += count;
    }
    this.readMs += performance.now() - startedMs;
    return done;
  };
}
