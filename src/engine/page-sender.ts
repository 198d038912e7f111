import { type CodecContext, createCodecContext } from '../codec/codec.js';
import { packedLz4Capacity } from '../codec/lz4.js';
import { codecByName } from '../codec/registry.js';
import { loadZstd } from '../codec/zstd-load.js';
import { ImageDigest } from '../dedup/image-digest.js';
import { PageIndex } from '../dedup/page-index.js';
import { SentPages } from '../dedup/sent-pages.js';
import { PageferryError } from '../page/error.js';
import type { Strategy, StreamState } from '../strategy/strategy.js';
import { type PageBytes, RECORD } from '../stream/format.js';
import { writeImage, writeImageEnd } from '../stream/image-records.js';
import { writePlaces } from '../stream/places.js';
import { writeHeader } from '../stream/records.js';
import { WireWriter } from '../stream/wire.js';
import { Candidate } from './candidate.js';
import type { CodecCounts } from './counters.js';
import { Frame, type FrameContext, MAX_TABLE_BYTES, recordBytes, SEGMENT_KINDS } from './frame.js';
import { kernelsWithin } from './options.js';
import { localPool, type PackPool, threadPool } from './pack-pool.js';
import { packerBytes, SegmentPacker } from './packing.js';
import { PageCoder } from './page-coder.js';
import { createEstimate, createSegment } from './segment.js';

const SAME_AS = codecByName('same-as');
const UNCHANGED = codecByName('unchanged');
/** The guest is the one image of a live stream. */
export const GUEST = 0;
const SKETCHES_A_PAGE = 4;
const SLACK = 1 << 17;

/**
 * What is looked for before a strategy is asked, each with what stands before it: nothing; pages that repeat one byte, and pages that
 * are what the receiver has already; pages that are the same as another; pages that resemble another.
 */
export const FINDS = ['nothing', 'fills', 'same', 'similar'] as const;
export type Finds = (typeof FINDS)[number];

/** How to send a live guest. */
export interface PageSenderOptions {
  readonly name: string;
  /** Pages of the guest; numbers are below it. */
  readonly pages: number;
  readonly pageBytes: PageBytes;
  readonly strategy: Strategy;
  /** How the stream stands; what the strategy is told. */
  readonly state: StreamState;
  readonly finds: Finds;
  /** Memory for pages as they were sent, in bytes; deltas and references need them. */
  readonly cacheBytes: number;
  /** Most pages of a batch. */
  readonly batchPages: number;
  /** Pages that the fingerprint index has room for. */
  readonly indexPages: number;
  readonly threads?: number;
  /** Reads a page whose bytes are not in the cache, as the receiver may have it; whether it could. */
  readonly readAgain?: (page: number, into: Uint8Array) => boolean;
  /** Hears of expected packing that starts (positive) or is done (negative). */
  readonly pending?: (ms: number, bytes: number) => void;
}

/** Pages on their way: they left the room, and are being packed. */
export interface Batch {
  readonly packed: Promise<PackedBatch>;
}

export interface PackedBatch {
  /** The bytes, in order; good until `done`. */
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly counts: CodecCounts;
  /** They were written: their room may be used again. */
  done(): void;
}

/** Codes the pages of a guest that is written to meanwhile, batch by batch, each against what the receiver has by then. */
export interface PageSender {
  /** Where a batch's pages are put, one after the other, before `batch` is called. */
  readonly room: Uint8Array;
  /** What a stream begins with. */
  begin(): Uint8Array;
  /** Codes the pages of these numbers, which stand in `room`; waits for a frame to put them in. */
  batch(pages: ArrayLike<number>): Promise<Batch>;
  /** The receiver has the page in `room` by other means: it held it, or fetches it elsewhere. */
  held(page: number, at?: number): void;
  /** Whether the receiver has the page in `room` already. */
  isHeld(page: number, at?: number): boolean;
  /** Ends the stream: proves all pages that the receiver has. */
  end(): Uint8Array;
  readonly cache: { readonly lookups: number; readonly hits: number };
  close(): Promise<void>;
}

/** Makes a sender. @throws PageferryError `limit` when there is not as much memory as its options come to */
export async function createPageSender(options: PageSenderOptions): Promise<PageSender> {
  const { threads = 1, pageBytes, batchPages } = options;
  const capacity = batchPages * pageBytes + SLACK;
  const frameCount = threads + 1;
  const slots = 2 ** Math.max(10, Math.ceil(Math.log2(options.indexPages)));
  const perFrame = SEGMENT_KINDS.length * (capacity + packedLz4Capacity(capacity) + 512);
  const memory = options.cacheBytes + frameCount * perFrame + slots * (16 + 12 * SKETCHES_A_PAGE);
  const kernels = await kernelsWithin(memory + packerBytes(capacity) + capacity + 64 * pageBytes + (2 << 20), 'cacheBytes');
  const zstd = await loadZstd();
  const packer = new SegmentPacker(createCodecContext(kernels), zstd, capacity);
  const pool = threads > 1 ? threadPool(threads, capacity, zstd, false, packer) : localPool(packer);
  const frames = Array.from({ length: frameCount }, () => new Frame(() => createSegment(kernels, capacity)));
  const frame: FrameContext = {
    pool,
    packer,
    strategy: options.strategy,
    state: options.state,
    pending: options.pending ?? (() => {}),
    estimate: createEstimate(kernels, pageBytes),
  };
  return new LiveSender(options, createCodecContext(kernels), slots, frames, frame, packer, pool, capacity);
}

class LiveSender implements PageSender {
  readonly room: Uint8Array;
  private readonly at: number;
  private readonly coder: PageCoder;
  private readonly candidate: Candidate;
  private readonly sent: SentPages;
  private readonly index: PageIndex | undefined;
  private readonly digest: ImageDigest;
  private readonly digests: number;
  private ordinal = 0;
  private freed: (() => void) | undefined;

  constructor(
    private readonly options: PageSenderOptions,
    private readonly codec: CodecContext,
    indexSlots: number,
    private readonly free: Frame[],
    private readonly frameContext: FrameContext,
    private readonly packer: SegmentPacker,
    private readonly pool: PackPool,
    private readonly capacity: number,
  ) {
    const { kernels } = codec;
    const { pageBytes, batchPages, finds, strategy, state } = options;
    this.at = kernels.reserve(batchPages * pageBytes, 'batch');
    this.room = kernels.bytes.subarray(this.at, this.at + batchPages * pageBytes);
    this.sent = new SentPages(kernels, pageBytes, options.cacheBytes, options.readAgain);
    if (finds === 'same' || finds === 'similar')
      this.index = new PageIndex(kernels, pageBytes, indexSlots, SKETCHES_A_PAGE * indexSlots, batchPages);
    this.digest = new ImageDigest(kernels, pageBytes);
    this.candidate = new Candidate(codec, pageBytes, this.sent, finds === 'similar' ? this.index : undefined);
    this.digests = kernels.reserve(16 * batchPages, 'page digests');
    this.coder = new PageCoder({
      codec,
      pageBytes,
      strategy,
      state,
      candidate: this.candidate,
      classes: kernels.reserve(2 * batchPages, 'page classes'),
      digests: this.digests,
      zeroPageDigest: this.digest.zeroPageDigest,
    });
  }

  get cache() {
    return this.sent.cache;
  }

  begin(): Uint8Array {
    const { pageBytes, name, pages } = this.options;
    const header = new WireWriter();
    writeHeader(header, 'live', { pageBytes, maxFrameBytes: this.capacity + MAX_TABLE_BYTES });
    header.u32(this.packer.checkOfBytes(header.bytes)[0]);
    const image = new WireWriter();
    writeImage(image, { image: GUEST, kind: 'carried', name, parent: undefined, bytes: pages * pageBytes, digest: undefined });
    header.put(recordBytes(this.packer, RECORD.IMAGE, this.ordinal++, image.bytes));
    return header.bytes.slice();
  }

  async batch(pages: ArrayLike<number>): Promise<Batch> {
    if (pages.length < 1 || pages.length > this.options.batchPages)
      throw new PageferryError('bad-argument', `batch: ${pages.length} pages, expected 1 … ${this.options.batchPages}`);
    while (this.free.length === 0)
      await new Promise<void>((freed) => {
        this.freed = freed;
      });
    const frame = this.free.pop()!;
    this.coder.survey(this.at, pages.length);
    frame.start(GUEST, pages[0]!, GUEST);
    for (let i = 0; i < pages.length; i++) this.place(frame, pages[i]!, i);
    const places = new WireWriter();
    writePlaces(places, pages);
    const record = recordBytes(this.packer, RECORD.PLACES, this.ordinal++, places.bytes);
    const done = () => {
      this.free.push(frame);
      this.freed?.();
    };
    const packed = frame.pack(this.frameContext, this.ordinal++, this.options.pageBytes).then(({ parts, bytes, counts }) => {
      return { parts: [record, ...parts], bytes: record.length + bytes, counts, done };
    });
    // Whoever awaits it hears of its failure.
    packed.catch(() => {});
    return { packed };
  }

  held(page: number, at = 0): void {
    this.coder.survey(this.at + at * this.options.pageBytes, 1);
    this.sent.put(page, this.digests, this.coder.isFill(0) ? 0 : this.at + at * this.options.pageBytes);
  }

  isHeld(page: number, at = 0): boolean {
    this.coder.survey(this.at + at * this.options.pageBytes, 1);
    return this.sent.matches(page, this.digests);
  }

  end(): Uint8Array {
    const { pages, pageBytes } = this.options;
    const bytes = pages * pageBytes;
    const head = new WireWriter();
    writeImageEnd(head, GUEST, { bytes, digest: digestOfPages(this.codec, this.digest, this.sent, pages, bytes) });
    return recordBytes(this.packer, RECORD.IMAGE_END, this.ordinal++, head.bytes);
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  private place(frame: Frame, page: number, i: number): void {
    const { finds, pageBytes } = this.options;
    const address = this.at + i * pageBytes;
    const digest = this.digests + 16 * i;
    if (finds === 'nothing') {
      this.coder.appendStored(frame, address);
      this.sent.put(page, digest, 0);
      return;
    }
    if (this.sent.matches(page, digest) && this.isSame(page, address)) {
      frame.table.add(UNCHANGED);
      frame.count(UNCHANGED);
      return;
    }
    if (this.coder.placeFill(frame, i)) {
      this.sent.put(page, digest, 0);
      return;
    }
    const { index } = this;
    if (index?.find(digest) && this.sent.matches(index.hit.page, digest) && this.sent.confirm(index.hit.page, address)) {
      frame.table.addReference(SAME_AS, GUEST, index.hit.page);
      frame.count(SAME_AS);
    } else {
      this.candidate.set(address, page, GUEST, this.sent.version(page));
      this.coder.choose(frame, address);
      index?.insert(digest, GUEST, page);
      if (finds === 'similar') index?.insertSketch(address, GUEST, page, this.candidate.sketched);
    }
    this.sent.put(page, digest, address);
  }

  /** Same digest, and same bytes wherever those that were sent are at hand. */
  private isSame(page: number, address: number): boolean {
    const sent = this.sent.version(page);
    return sent === 0 || this.codec.kernels.run.pagesEqual(sent, address, this.options.pageBytes) === 1;
  }
}

/** The digest of a guest, page by page; a page that never travelled counts as sixteen zero bytes. */
export function digestOfPages(
  { kernels }: CodecContext,
  digest: ImageDigest,
  sent: { digestOf(page: number): Uint32Array },
  pages: number,
  bytes: number,
): Uint8Array {
  const at = kernels.reserve(16, 'page digest');
  digest.start();
  for (let page = 0; page < pages; page++) {
    kernels.words.set(sent.digestOf(page), at >>> 2);
    digest.add(at, 1);
  }
  return digest.finish(bytes);
}
