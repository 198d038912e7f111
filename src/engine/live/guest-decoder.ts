import type { CodecContext } from '../../codec/codec.js';
import { digestText } from '../../dedup/image-digest.js';
import { RemotePageCache } from '../../dedup/remote-page-cache.js';
import type { Slots } from '../../kernels/arena.js';
import { PageferryError } from '../../page/error.js';
import { BASE, type FrameHead, GUEST, MAX_PAGE_NUMBERS, RECORD } from '../../stream/format.js';
import { readImage, readImageEnd } from '../../stream/image-records.js';
import { readPageNumbers } from '../../stream/page-numbers.js';
import { type RecordHead, readFrameHead } from '../../stream/records.js';
import type { TableEntry } from '../../stream/table.js';
import { WireReader } from '../../stream/wire.js';
import { MAX_PAGE_BYTES } from '../frame/chunk.js';
import type { DecodeMeter } from '../threads/decode-meter.js';
import type { FrameDecoder } from '../unpack/frame-decoder.js';
import { checkedMemory } from './checked-pages.js';
import type { GuestMemory, PageReceiverOptions } from './page-receiver.js';

const DEFAULT_MAX_GUEST_BYTES = 2 ** 40;

interface OpenGuest {
  readonly memory: GuestMemory;
  readonly pages: number;
  /** Digests of the pages that arrived, and their bytes if there is a cache. */
  readonly arrived: RemotePageCache;
  /** Address of the buffer for the page that is being decoded. */
  readonly address: number;
  /** Numbers of the pages of a frame. */
  readonly numbers: Float64Array;
}

/** Applies the records of a live stream to a guest's memory. `LiveReceiver` drops it after a failure. */
export class GuestDecoder {
  complete = false;
  private pageBytes = 0;
  private guest: OpenGuest | undefined;
  /** Pages of the frame that must follow; 0: no frame may follow. */
  private pageNumberCount = 0;
  /** Address of a page's digest. */
  private readonly digest: number;
  /** Address of the digest of a zero page, which is set when the guest is announced. */
  private readonly zeroDigest: number;
  /** Address of the buffer for the page that is being decoded. */
  private readonly page: number;
  private readonly arrived: RemotePageCache;

  constructor(
    slots: Slots,
    private readonly options: PageReceiverOptions,
    private readonly context: CodecContext,
    private readonly frames: FrameDecoder,
    /** Address of a record's data. */
    private readonly data: number,
    private readonly meter: DecodeMeter,
  ) {
    this.digest = slots.slot('page digest', 16);
    this.zeroDigest = slots.slot('zero page digest', 16);
    this.page = slots.slot('page', MAX_PAGE_BYTES);
    const { cacheBytes = 0, base } = options;
    this.arrived = new RemotePageCache(slots, MAX_PAGE_BYTES, cacheBytes, undefined, base);
  }

  /** Apply the stream's header. */
  open(pageBytes: number, maxFrameBytes: number): void {
    this.pageBytes = pageBytes;
    this.frames.setMaxFrameBytes(maxFrameBytes);
  }

  /** Apply a record whose data is at the address `data`. */
  take({ type, dataBytes }: RecordHead, head: Uint8Array, label: string): void {
    if (type === RECORD.IMAGE) this.announce(head, label);
    else if (type === RECORD.PAGE_NUMBERS) this.readNumbers(this.opened(label), head, label);
    else if (type === RECORD.PAGES) {
      this.decodeFrame(this.opened(label), readFrameHead(head, label), dataBytes, label);
      this.pageNumberCount = 0;
    } else if (type === RECORD.IMAGE_END) this.verify(this.opened(label), head, label);
    else throw this.bad(label, `type ${type} in the stream of a live guest`);
  }

  markPresent(page: number): void {
    const guest = this.opened(`page ${page}`);
    this.checkPage(guest, page, 'markPresent');
    const { kernels } = this.context;
    guest.memory.read(page, kernels.bytes.subarray(guest.address, guest.address + this.pageBytes));
    // Both caches must hold the same pages: the sender caches no page that repeats one byte.
    this.record(guest, page, kernels.run.fillByte(guest.address, this.pageBytes) >= 0);
  }

  bypassed(pages: readonly number[], fills: readonly number[], bytes: Uint8Array): void {
    const guest = this.opened('bypassed pages');
    this.checkBypassed(guest, pages, fills, bytes.length);
    this.meter.start();
    const { arrived, memory, address } = guest;
    const { kernels } = this.context;
    const { pageBytes } = this;
    const buffer = kernels.bytes.subarray(address, address + pageBytes);
    let from = 0;
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i]!;
      const fill = fills[i]!;
      if (fill === 0) {
        memory.zero(page);
        arrived.put(page, this.zeroDigest, 0);
        continue;
      }
      if (fill < 0) {
        buffer.set(bytes.subarray(from, from + pageBytes));
        from += pageBytes;
      } else buffer.fill(fill);
      memory.write(page, buffer);
      kernels.run.hash128(address, pageBytes, 0, 0, this.digest);
      arrived.put(page, this.digest, 0);
    }
    this.meter.decoded(pages.length * pageBytes);
  }

  invalidate(page: number): void {
    if (!this.guest) return;
    this.checkPage(this.guest, page, 'invalidate');
    this.guest.arrived.invalidate(page);
  }

  /**
   * Check the arguments of `bypassed`; `bytes`: the bytes of its pages.
   * @throws PageferryError `bad-stream`
   */
  private checkBypassed(
    guest: OpenGuest,
    pages: readonly number[],
    fills: readonly number[],
    bytes: number,
  ): void {
    const label = 'bypassed pages';
    this.check(fills.length === pages.length, label, `${pages.length} pages with ${fills.length} fills`);
    let expected = 0;
    for (let i = 0; i < pages.length; i++) {
      const fill = fills[i]!;
      this.checkPage(guest, pages[i]!, label);
      if (!Number.isInteger(fill) || fill < -1 || fill > 255)
        throw this.bad(label, `page ${pages[i]}: fill ${fill}, expected -1 … 255`);
      if (fill === -1) expected += this.pageBytes;
    }
    this.check(bytes === expected, label, `${bytes} bytes, the pages without a fill have ${expected}`);
  }

  private checkPage({ pages }: OpenGuest, page: number, label: string): void {
    if (!Number.isInteger(page) || page < 0 || page >= pages)
      throw this.bad(label, `page ${page}, the guest has ${pages}`);
  }

  private announce(head: Uint8Array, label: string): void {
    this.check(!this.guest, label, 'a second guest');
    const { name, bytes = 0, kind, image } = readImage(head, label);
    const { pageBytes } = this;
    const { maxGuestBytes = DEFAULT_MAX_GUEST_BYTES } = this.options;
    const isWhole = kind === 'carried' && image === GUEST && bytes > 0 && bytes % pageBytes === 0;
    this.check(isWhole, label, `a guest of ${bytes} bytes`);
    if (bytes > maxGuestBytes)
      throw new PageferryError('limit', `guest "${name}": ${bytes} bytes, maxGuestBytes is ${maxGuestBytes}`);
    const { kernels } = this.context;
    const pages = bytes / pageBytes;
    this.arrived.setPageBytes(pageBytes);
    this.guest = {
      memory: checkedMemory(this.options.open(name, pages, pageBytes), name),
      pages,
      arrived: this.arrived,
      address: this.page,
      numbers: new Float64Array(Math.min(pages, MAX_PAGE_NUMBERS)),
    };
    kernels.bytes.fill(0, this.guest.address, this.guest.address + pageBytes);
    kernels.run.hash128(this.guest.address, pageBytes, 0, 0, this.zeroDigest);
  }

  private readNumbers({ numbers, pages }: OpenGuest, head: Uint8Array, label: string): void {
    this.check(this.pageNumberCount === 0, label, 'page numbers where a frame must follow');
    this.pageNumberCount = readPageNumbers(new WireReader(head, label), numbers, pages);
    this.check(this.pageNumberCount > 0, label, 'no page numbers');
  }

  /** Decode a frame. All of its segments are verified before the first page is written. */
  private decodeFrame(guest: OpenGuest, head: FrameHead, dataBytes: number, label: string): void {
    const { numbers } = guest;
    const isExpected =
      head.image === GUEST &&
      head.lastPageBytes === this.pageBytes &&
      head.pageCount === this.pageNumberCount &&
      head.firstPage === numbers[0];
    this.check(
      isExpected,
      label,
      `a frame of ${head.pageCount} pages after ${this.pageNumberCount} page numbers`,
    );
    this.meter.start();
    this.frames.open(head, this.data, dataBytes, GUEST, label);
    const table = this.frames.table!;
    for (let i = 0; i < head.pageCount; i++) this.decodePage(guest, table.next(), numbers[i]!, label);
    this.frames.close();
    this.meter.decoded(head.pageCount * this.pageBytes);
    this.options.onBatch?.(head.pageCount);
  }

  private decodePage(guest: OpenGuest, entry: TableEntry, page: number, label: string): void {
    const { memory, address, arrived } = guest;
    const { kernels } = this.context;
    const { codec } = entry;
    if (codec.name === 'zero') {
      memory.zero(page);
      arrived.put(page, this.zeroDigest, 0);
      return;
    }
    if (codec.name === 'unchanged') {
      if (!arrived.has(page)) throw this.bad(label, `page ${page}: unchanged, but it was never sent`);
      memory.unchanged?.(page);
      return;
    }
    const buffer = kernels.bytes.subarray(address, address + this.pageBytes);
    if (codec.name === 'fill') buffer.fill(entry.fill);
    else if (codec.operands.reference) this.readReference(guest, entry.image, entry.page, page, label);
    else if (codec.base === 'parent') this.readReference(guest, GUEST, page, page, label);
    if (codec.operands.bytes) this.frames.decodePage(entry, address, this.pageBytes, page);
    memory.write(page, buffer);
    this.record(guest, page, codec.name === 'fill');
  }

  /** Read page `other` of the guest or of the base image, to which `page` refers, into the page buffer. */
  private readReference(guest: OpenGuest, image: number, other: number, page: number, label: string): void {
    const { arrived, memory, pages, address } = guest;
    const { bytes, run } = this.context.kernels;
    const { base, cacheBytes } = this.options;
    const isKnown =
      image === GUEST
        ? other < pages && arrived.has(other)
        : image === BASE && base !== undefined && other < base.pages;
    const owner = image === GUEST ? 'the guest' : `image ${image}`;
    if (!isKnown)
      throw this.bad(label, `page ${page}: refers to page ${other} of ${owner}, which is not there`);
    if (image === GUEST && cacheBytes === undefined) {
      memory.read(other, bytes.subarray(address, address + this.pageBytes));
      return;
    }
    const found = arrived.find(image, other);
    if (found === 0)
      throw this.bad(label, `page ${page}: refers to page ${other}, which is not cached any more`);
    run.copyBytes(address, found, this.pageBytes);
  }

  /** Record that the page in the page buffer arrived. */
  private record({ arrived, address }: OpenGuest, page: number, isFill: boolean): void {
    this.context.kernels.run.hash128(address, this.pageBytes, 0, 0, this.digest);
    arrived.put(page, this.digest, this.options.cacheBytes === undefined || isFill ? 0 : address);
  }

  private verify({ arrived, pages }: OpenGuest, head: Uint8Array, label: string): void {
    const end = readImageEnd(head, label);
    this.check(this.pageNumberCount === 0, label, 'an end where a frame must follow');
    const bytes = pages * this.pageBytes;
    this.check(
      end.image === GUEST && end.bytes === bytes,
      label,
      `an end of ${end.bytes} bytes, the guest has ${bytes}`,
    );
    const [received, sent] = [digestText(arrived.digestOfGuest(bytes)), digestText(end.digest)];
    if (received !== sent)
      throw new PageferryError(
        'not-identical',
        `${label}: the guest's digest is ${received}, sent was ${sent}`,
      );
    this.complete = true;
  }

  private opened(label: string): OpenGuest {
    this.check(this.guest !== undefined, label, 'pages before their guest was announced');
    return this.guest!;
  }

  private check(isRight: boolean, label: string, found: string): void {
    if (!isRight) throw this.bad(label, found);
  }

  private bad(label: string, found: string): PageferryError {
    return new PageferryError('bad-stream', `${label}: ${found}`);
  }
}
