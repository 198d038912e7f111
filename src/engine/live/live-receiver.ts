import type { CodecContext } from '../../codec/codec.js';
import { guestDigest } from '../../dedup/guest-digest.js';
import { digestText } from '../../dedup/image-digest.js';
import { RemotePageCache } from '../../dedup/remote-page-cache.js';
import { PageferryError } from '../../page/error.js';
import {
  BASE,
  type FrameHead,
  GUEST,
  MAX_PAGE_NUMBERS,
  RECORD,
  type StreamHeader,
} from '../../stream/format.js';
import { readImage, readImageEnd } from '../../stream/image-records.js';
import { readPageNumbers } from '../../stream/page-numbers.js';
import { type RecordHead, readFrameHead } from '../../stream/records.js';
import type { TableEntry } from '../../stream/table.js';
import { WireReader } from '../../stream/wire.js';
import { RecordParser } from '../decode/record-parser.js';
import type { FrameDecoder } from '../frame/frame-decoder.js';
import type { GuestMemory, PageReceiver, PageReceiverOptions } from './page-receiver.js';

interface OpenGuest {
  readonly memory: GuestMemory;
  readonly pages: number;
  readonly pageBytes: number;
  /** For digests only: no bytes are kept here. */
  readonly got: RemotePageCache;
  readonly page: number;
  /** Page numbers of a frame. */
  readonly places: Float64Array;
}

/** @internal Use `createPageReceiver`. */
export class LiveReceiver implements PageReceiver {
  complete = false;
  private readonly intake: RecordParser;
  private header: StreamHeader | undefined;
  private guest: OpenGuest | undefined;
  /** Of the frame that must follow. */
  private pageNumberCount = 0;
  private readonly digest: number;
  /** Of a page of zeros, once a guest was announced. */
  private readonly zeroDigest: number;

  constructor(
    private readonly options: PageReceiverOptions,
    private readonly codec: CodecContext,
    private readonly frames: FrameDecoder,
    private readonly data: number,
    maxFrameBytes: number,
  ) {
    const receiver = this;
    this.digest = codec.kernels.reserve(16, 'page digest');
    this.zeroDigest = codec.kernels.reserve(16, 'zero page digest');
    this.intake = new RecordParser(codec.kernels, data, 'live', maxFrameBytes, {
      get complete() {
        return receiver.complete;
      },
      open: (header) => {
        this.header = header;
        frames.announced(header.maxFrameBytes);
      },
      take: (record, head, what) => this.take(record, head, what),
    });
  }

  push(bytes: Uint8Array): void {
    this.intake.push(bytes);
  }

  finish(): void {
    if (!this.complete) throw this.intake.truncated();
  }

  markPresent(page: number): void {
    const guest = this.guest!;
    const { kernels } = this.codec;
    const at = kernels.bytes.subarray(guest.page, guest.page + guest.pageBytes);
    guest.memory.read(page, at);
    // As the sender: of a page that repeats one byte, no bytes are kept.
    this.note(guest, page, kernels.run.fillByte(guest.page, guest.pageBytes) >= 0);
  }

  bypassed(pages: readonly number[], fills: readonly number[], bytes: Uint8Array): void {
    const { got, memory, pageBytes, page: at } = this.opened('pages as they are');
    const { kernels } = this.codec;
    const room = kernels.bytes.subarray(at, at + pageBytes);
    let from = 0;
    for (let i = 0; i < pages.length; i++) {
      const page = pages[i]!;
      const fill = fills[i]!;
      if (fill === 0) {
        memory.zero(page);
        got.put(page, this.zeroDigest, 0);
        continue;
      }
      if (fill < 0) {
        room.set(bytes.subarray(from, from + pageBytes));
        from += pageBytes;
      } else room.fill(fill);
      memory.write(page, room);
      kernels.run.hash128(at, pageBytes, 0, 0, this.digest);
      got.put(page, this.digest, 0);
    }
  }

  invalidate(page: number): void {
    this.guest?.got.invalidate(page);
  }

  private take({ type, dataBytes }: RecordHead, head: Uint8Array, what: string): void {
    if (type === RECORD.IMAGE) this.announced(head, what);
    else if (type === RECORD.PAGE_NUMBERS) {
      const guest = this.opened(what);
      this.mustBe(this.pageNumberCount === 0, what, 'places where a frame has to follow');
      this.pageNumberCount = readPageNumbers(new WireReader(head, what), guest.places, guest.pages);
      this.mustBe(this.pageNumberCount > 0, what, 'places of no pages');
    } else if (type === RECORD.PAGES) {
      this.frame(this.opened(what), readFrameHead(head, what), dataBytes, what);
      this.pageNumberCount = 0;
    } else if (type === RECORD.IMAGE_END) this.prove(this.opened(what), head, what);
    else throw new PageferryError('bad-stream', `${what}: type ${type} in the stream of a live guest`);
  }

  private announced(head: Uint8Array, what: string): void {
    this.mustBe(!this.guest, what, 'a second guest');
    const { name, bytes = 0, kind, image } = readImage(head, what);
    const { pageBytes } = this.header!;
    const { maxGuestBytes: maxBytes = 2 ** 40 } = this.options;
    this.mustBe(
      kind === 'carried' && image === GUEST && bytes > 0 && bytes % pageBytes === 0,
      what,
      `a guest of ${bytes} bytes`,
    );
    if (bytes > maxBytes)
      throw new PageferryError('limit', `guest "${name}": ${bytes} bytes, this side takes ${maxBytes}`);
    const { kernels } = this.codec;
    const pages = bytes / pageBytes;
    this.guest = {
      memory: this.options.open(name, pages, pageBytes),
      pages,
      pageBytes,
      got: new RemotePageCache(
        kernels,
        pageBytes,
        this.options.cacheBytes ?? 0,
        undefined,
        this.options.base,
      ),
      page: kernels.reserve(pageBytes, 'page'),
      places: new Float64Array(Math.min(pages, MAX_PAGE_NUMBERS)),
    };
    kernels.bytes.fill(0, this.guest.page, this.guest.page + pageBytes);
    kernels.run.hash128(this.guest.page, pageBytes, 0, 0, this.zeroDigest);
  }

  /** Decodes a frame whose data stands in its place. Nothing of it is written before its segments were proved. */
  private frame(guest: OpenGuest, head: FrameHead, dataBytes: number, what: string): void {
    const { pageBytes, places } = guest;
    const right =
      head.image === GUEST && head.lastPageBytes === pageBytes && head.pageCount === this.pageNumberCount;
    this.mustBe(
      right && head.firstPage === places[0],
      what,
      `a frame of ${head.pageCount} pages after ${this.pageNumberCount} places`,
    );
    this.frames.open(head, this.data, dataBytes, GUEST, what);
    const table = this.frames.table!;
    for (let i = 0; i < head.pageCount; i++) this.page(guest, table.next(), places[i]!, what);
    this.frames.close();
    this.options.onBatch?.(head.pageCount);
  }

  private page(guest: OpenGuest, entry: TableEntry, page: number, what: string): void {
    const { memory, pageBytes, page: at } = guest;
    const { kernels } = this.codec;
    const { codec } = entry;
    const into = kernels.bytes.subarray(at, at + pageBytes);
    if (codec.name === 'zero') {
      memory.zero(page);
      guest.got.put(page, this.zeroDigest, 0);
      return;
    }
    if (codec.name === 'unchanged') {
      if (!guest.got.has(page)) throw this.bad(what, `page ${page}: unchanged, but it was never sent`);
      memory.unchanged?.(page);
      return;
    }
    if (codec.name === 'fill') into.fill(entry.fill);
    else if (codec.operands.reference) {
      this.readEarlier(guest, entry.image, entry.page, what, page);
    } else if (codec.base === 'parent') {
      this.readEarlier(guest, GUEST, page, what, page);
    }
    if (codec.operands.bytes) this.frames.decodePage(entry, at, pageBytes, page);
    memory.write(page, into);
    this.note(guest, page, codec.name === 'fill');
  }

  /** Puts a page that arrived before, or that both sides hold, where the next one is decoded. */
  private readEarlier(guest: OpenGuest, image: number, page: number, what: string, by: number): void {
    const { got, memory, pages, pageBytes, page: at } = guest;
    const { bytes } = this.codec.kernels;
    const { base, cacheBytes } = this.options;
    const known =
      image === GUEST
        ? page < pages && got.has(page)
        : image === BASE && base !== undefined && page < base.pages;
    const whose = image === GUEST ? 'the guest' : `image ${image}`;
    if (!known) throw this.bad(what, `page ${by}: refers to page ${page} of ${whose}, which is not there`);
    if (image === GUEST && cacheBytes === undefined) {
      memory.read(page, bytes.subarray(at, at + pageBytes));
      return;
    }
    const found = got.find(image, page);
    if (found === 0) throw this.bad(what, `page ${by}: refers to page ${page}, which is not kept any more`);
    bytes.copyWithin(at, found, found + pageBytes);
  }

  private note({ got, pageBytes, page: at }: OpenGuest, page: number, isFill = false): void {
    this.codec.kernels.run.hash128(at, pageBytes, 0, 0, this.digest);
    got.put(page, this.digest, this.options.cacheBytes === undefined || isFill ? 0 : at);
  }

  private prove({ got, pages, pageBytes }: OpenGuest, head: Uint8Array, what: string): void {
    const end = readImageEnd(head, what);
    this.mustBe(this.pageNumberCount === 0, what, 'an end where a frame has to follow');
    const bytes = pages * pageBytes;
    const digest = guestDigest(this.codec.kernels, got, pages, pageBytes);
    this.mustBe(
      end.image === GUEST && end.bytes === bytes,
      what,
      `an end of ${end.bytes} bytes, the guest has ${bytes}`,
    );
    if (digestText(digest) !== digestText(end.digest))
      throw new PageferryError(
        'not-identical',
        `${what}: the guest's digest is ${digestText(digest)}, sent was ${digestText(end.digest)}`,
      );
    this.complete = true;
  }

  private opened(what: string): OpenGuest {
    this.mustBe(this.guest !== undefined, what, 'pages before their guest was announced');
    return this.guest!;
  }

  private mustBe(right: boolean, what: string, found: string): void {
    if (!right) throw this.bad(what, found);
  }

  private bad(what: string, found: string): PageferryError {
    return new PageferryError('bad-stream', `${what}: ${found}`);
  }
}
