import type { CodecContext } from '../../codec/codec.js';
import { codecByName } from '../../codec/registry.js';
import { guestDigest } from '../../dedup/guest-digest.js';
import { ImageDigest } from '../../dedup/image-digest.js';
import { PageIndex, type PageReference } from '../../dedup/page-index.js';
import { type BasePages, RemotePageCache } from '../../dedup/remote-page-cache.js';
import { PageferryError } from '../../page/error.js';
import { BASE, GUEST, RECORD } from '../../stream/format.js';
import { writeImage, writeImageEnd } from '../../stream/image-records.js';
import { writePageNumbers } from '../../stream/page-numbers.js';
import { writeHeader } from '../../stream/records.js';
import { WireWriter } from '../../stream/wire.js';
import { Candidate } from '../frame/candidate.js';
import {
  type FrameBuilder,
  type FrameContext,
  recordBytes,
  TABLE_TARGET_BYTES,
} from '../frame/frame-builder.js';
import { PageCoder } from '../frame/page-coder.js';
import type { PackPool } from '../pack/pool.js';
import type { SegmentPacker } from '../pack/segment-packer.js';
import { type Batch, BYPASSED_UNCHANGED, type PageSender, type PageSenderOptions } from './page-sender.js';

const SAME_AS = codecByName('same-as');
const UNCHANGED = codecByName('unchanged');
export const SKETCHES_A_PAGE = 4;

/** @internal Use `createPageSender`. */
export class LiveSender implements PageSender {
  readonly buffer: Uint8Array;
  private readonly at: number;
  private readonly coder: PageCoder;
  private readonly candidate: Candidate;
  private readonly sent: RemotePageCache;
  private readonly index: PageIndex | undefined;
  private readonly digest: ImageDigest;
  private readonly digests: number;
  private ordinal = 0;
  /** Of the guest, once the stream has begun. */
  private pages = 0;
  private freed: (() => void) | undefined;
  private readonly passed: Int16Array;

  constructor(
    private readonly options: PageSenderOptions,
    private readonly codec: CodecContext,
    indexSlots: number,
    private readonly free: FrameBuilder[],
    private readonly frameContext: FrameContext,
    private readonly packer: SegmentPacker,
    private readonly pool: PackPool,
    private readonly capacity: number,
  ) {
    const { kernels } = codec;
    const { pageBytes, batchPages, dedup, strategy, state } = options;
    this.at = kernels.reserve(batchPages * pageBytes, 'batch');
    this.buffer = kernels.bytes.subarray(this.at, this.at + batchPages * pageBytes);
    const { base } = options;
    this.sent = new RemotePageCache(kernels, pageBytes, options.cacheBytes, options.rereadPage, base);
    if (dedup === 'exact' || dedup === 'similar')
      this.index = new PageIndex(kernels, pageBytes, indexSlots, SKETCHES_A_PAGE * indexSlots, batchPages);
    this.digest = new ImageDigest(kernels, pageBytes);
    this.candidate = new Candidate(codec, pageBytes, this.sent, dedup === 'similar' ? this.index : undefined);
    this.digests = kernels.reserve(16 * batchPages, 'page digests');
    this.passed = new Int16Array(batchPages);
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
    if (base) this.learn(base);
  }

  get cache() {
    return this.sent.cache;
  }

  begin(name: string, pages: number): Uint8Array {
    const { pageBytes } = this.options;
    this.pages = pages;
    const header = new WireWriter();
    writeHeader(header, 'live', { pageBytes, maxFrameBytes: this.capacity + TABLE_TARGET_BYTES });
    header.u32(this.packer.checkOfBytes(header.bytes)[0]);
    const image = new WireWriter();
    writeImage(image, {
      image: GUEST,
      kind: 'carried',
      name,
      parent: undefined,
      bytes: pages * pageBytes,
      digest: undefined,
    });
    header.put(recordBytes(this.packer, RECORD.IMAGE, this.ordinal++, image.bytes));
    return header.bytes.slice();
  }

  async batch(pages: ArrayLike<number>, keepsLast = false): Promise<Batch> {
    if (pages.length < 1 || pages.length > this.options.batchPages)
      throw new PageferryError(
        'bad-argument',
        `batch: ${pages.length} pages, expected 1 … ${this.options.batchPages}`,
      );
    while (this.free.length === 0)
      await new Promise<void>((freed) => {
        this.freed = freed;
      });
    const frame = this.free.pop()!;
    this.coder.survey(this.at, pages.length);
    frame.start(GUEST, pages[0]!, GUEST);
    for (let i = 0; i < pages.length; i++)
      this.place(frame, pages[i]!, i, keepsLast && i === pages.length - 1);
    const places = new WireWriter();
    writePageNumbers(places, pages);
    const record = recordBytes(this.packer, RECORD.PAGE_NUMBERS, this.ordinal++, places.bytes);
    const release = () => {
      this.free.push(frame);
      this.freed?.();
    };
    const packed = frame
      .pack(this.frameContext, this.ordinal++, this.options.pageBytes)
      .then(({ parts, bytes, counts }) => {
        return { parts: [record, ...parts], bytes: record.length + bytes, counts, release };
      });
    // Whoever awaits it hears of its failure.
    packed.catch(() => {});
    return { packed };
  }

  markPresent(page: number, at = 0): void {
    this.coder.survey(this.at + at * this.options.pageBytes, 1);
    this.sent.put(page, this.digests, this.coder.isFill(0) ? 0 : this.at + at * this.options.pageBytes);
  }

  shouldBypass(): boolean {
    const { strategy, state, base } = this.options;
    // Most pages are in an image that both sides hold.
    return !base && (strategy.shouldBypass?.(state) ?? false);
  }

  bypass(pages: ArrayLike<number>, keepsLast = false): ArrayLike<number> {
    const { passed, sent } = this;
    this.coder.survey(this.at, pages.length);
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i]!;
      const digest = this.digests + 16 * i;
      const keeps = keepsLast && i === pages.length - 1;
      if (!keeps && sent.matches(page, digest) && this.isSame(page, this.at + i * this.options.pageBytes))
        passed[i] = BYPASSED_UNCHANGED;
      else {
        sent.put(page, digest, 0);
        passed[i] = this.coder.fillOf(i);
      }
    }
    return passed;
  }

  invalidate(page: number): void {
    this.sent.invalidate(page);
  }

  isPresent(page: number, at = 0): boolean {
    this.coder.survey(this.at + at * this.options.pageBytes, 1);
    return this.sent.matches(page, this.digests);
  }

  end(): Uint8Array {
    const { pages } = this;
    const { pageBytes } = this.options;
    const bytes = pages * pageBytes;
    const head = new WireWriter();
    writeImageEnd(head, GUEST, {
      bytes,
      digest: guestDigest(this.codec.kernels, this.sent, pages, pageBytes),
    });
    return recordBytes(this.packer, RECORD.IMAGE_END, this.ordinal++, head.bytes);
  }

  async close(): Promise<void> {
    await this.pool.close();
  }

  private place(frame: FrameBuilder, page: number, i: number, keeps: boolean): void {
    const { dedup, pageBytes } = this.options;
    const address = this.at + i * pageBytes;
    const digest = this.digests + 16 * i;
    if (dedup === 'off') {
      this.coder.appendStored(frame, address);
      this.sent.put(page, digest, 0);
      return;
    }
    if (!keeps && this.sent.matches(page, digest) && this.isSame(page, address)) {
      frame.table.add(UNCHANGED);
      frame.count(UNCHANGED);
      return;
    }
    if (this.coder.placeFill(frame, i)) {
      this.sent.put(page, digest, 0);
      return;
    }
    const { index } = this;
    if (
      index?.find(digest) &&
      this.isThere(index.hit, digest) &&
      this.sent.confirm(index.hit.image, index.hit.page, address)
    ) {
      frame.table.addReference(SAME_AS, index.hit.image, index.hit.page);
      frame.count(SAME_AS);
    } else {
      this.candidate.set(address, page, GUEST, this.sent.version(page));
      this.coder.choose(frame, address);
      index?.insert(digest, GUEST, page);
      if (dedup === 'similar') index?.insertSketch(address, GUEST, page, this.candidate.sketched);
    }
    this.sent.put(page, digest, address);
  }

  /** Whether the receiver still has a page that the index knows. */
  private isThere({ image, page }: PageReference, digest: number): boolean {
    return image === BASE || this.sent.matches(page, digest);
  }

  /** Puts the pages of the image that both sides hold into the index. */
  private learn(base: BasePages): void {
    const { pages } = base;
    const { pageBytes, batchPages, dedup } = this.options;
    const { index } = this;
    if (!index) return;
    for (let first = 0; first < pages; first += batchPages) {
      const count = Math.min(batchPages, pages - first);
      for (let i = 0; i < count; i++)
        base.read(first + i, this.buffer.subarray(i * pageBytes, (i + 1) * pageBytes));
      this.coder.survey(this.at, count);
      for (let i = 0; i < count; i++) {
        if (this.coder.isFill(i)) continue;
        index.insert(this.digests + 16 * i, BASE, first + i);
        if (dedup === 'similar') index.insertSketch(this.at + i * pageBytes, BASE, first + i);
      }
    }
  }

  /** Same digest, and same bytes wherever those that were sent are at hand. */
  private isSame(page: number, address: number): boolean {
    const sent = this.sent.version(page);
    return sent === 0 || this.codec.kernels.run.pagesEqual(sent, address, this.options.pageBytes) === 1;
  }
}
