import { type ChannelFrame, FRAME, type FrameType } from '../../channel/frame.js';
import { digestText } from '../../dedup/image-digest.js';
import type { BasePages } from '../../dedup/remote-page-cache.js';
import { emptyCounts } from '../../engine/frame/counters.js';
import { createPageReceiver } from '../../engine/live/create-page-receiver.js';
import type { GuestMemory, PageReceiver } from '../../engine/live/page-receiver.js';
import type { DecodeCosts } from '../../engine/threads/decode-meter.js';
import { PageferryError } from '../../page/error.js';
import { QemuStreamWriter } from '../../qemu/stream-writer.js';
import { DIGEST_BYTES } from '../../stream/format.js';
import { BlockMap } from '../block-map.js';
import { BYPASS_DIGEST_BYTES, bypassError } from '../bypass.js';
import { MAIN } from '../connection.js';
import { checkGuestBytes } from '../guest-limit.js';
import { readBlocks, readPassThrough, readRecord } from '../messages.js';
import type { MigrationSample } from '../metrics.js';
import { type BuiltPacket, PacketWriter } from '../multifd/packet-writer.js';
import { BufferPool } from './buffer-pool.js';
import { BypassInput } from './bypass-input.js';

/** Parts of a migration that a destination stream uses. */
export interface DestinationStreamOptions {
  /** Bytes of received pages to cache. */
  readonly cacheBytes: number;
  /** Largest guest, in bytes. */
  readonly maxGuestBytes: number;
  readonly base?: BasePages | undefined;
  /**
   * Write to a connection of QEMU; resolve when more may be written. `onWritten` is called when the bytes may
   * be reused.
   */
  readonly write: (connection: number, bytes: Uint8Array, onWritten: () => void) => Promise<void>;
}

/**
 * Rebuilds QEMU's main connection from the frames of the channel: pages as new records, everything else
 * unchanged.
 */
export class DestinationStream implements GuestMemory {
  /** The digest of all memory, once it was verified. */
  digest: Uint8Array | undefined;
  /** Why the stream passes through uncoded, where it does. */
  passThroughReason: string | undefined;
  private readonly writer: QemuStreamWriter;
  private readonly buffers = new BufferPool();
  private readonly pieces: BuiltPacket[] = [];
  private readonly packets = new PacketWriter((packet) => this.pieces.push(packet));
  private receiver!: PageReceiver;
  private map: BlockMap | undefined;
  private bypass: BypassInput | undefined;
  private pages = 0;
  private writtenBytes = 0;
  /** Time in which QEMU's connection accepted no bytes. */
  private writeMs = 0;

  private constructor(private readonly options: DestinationStreamOptions) {
    const { buffers, pieces } = this;
    const onPiece = (piece: Uint8Array) => {
      buffers.writing(piece);
      pieces.push({ connection: MAIN, bytes: piece, release: () => buffers.written(piece) });
    };
    this.writer = new QemuStreamWriter(onPiece, { zeroFillOnly: true, allocate: buffers.next });
  }

  static async open(options: DestinationStreamOptions): Promise<DestinationStream> {
    const { cacheBytes, maxGuestBytes, base } = options;
    const stream = new DestinationStream(options);
    stream.receiver = await createPageReceiver({
      open: (_, pages) => stream.openGuest(pages),
      maxGuestBytes,
      cacheBytes,
      ...(base && { base }),
    });
    return stream;
  }

  /** All memory arrived, and its digest is the source's. */
  get isVerified(): boolean {
    return this.digest !== undefined;
  }

  /** Whether QEMU may have everything: memory was verified, or is not read here. */
  get mayBeComplete(): boolean {
    return this.isVerified || this.passThroughReason !== undefined;
  }

  /** Cost so far of decoding pages and writing them to QEMU. */
  get costs(): DecodeCosts {
    const { pages, unpack } = this.receiver.costs;
    return { pages: { ...pages, ms: pages.ms + this.writeMs }, unpack };
  }

  /** Process a frame of the guest's memory. @throws PageferryError `bad-stream` */
  async process(frame: ChannelFrame): Promise<void> {
    const { type } = frame;
    if (type !== FRAME.PAGES && this.packets.isWaiting)
      throw new PageferryError('bad-stream', 'packets whose pages are missing');
    if (type !== FRAME.BYPASS && this.bypass?.isWaiting) throw bypassError('a packet that is cut off');
    if (type === FRAME.PAGES) for (const part of frame.parts) this.receiver.push(part);
    else if (type === FRAME.BYPASS) this.takeBypassed(frame);
    else this.processBody(type, frame.body);
    await this.writePieces();
  }

  private processBody(type: FrameType, body: Uint8Array): void {
    if (type === FRAME.PACKETS) this.packets.expect(body, this.map);
    else if (type === FRAME.LITERAL) this.writer.writeLiteral(body, 1, body.length);
    else if (type === FRAME.RECORD) this.writeRecord(body);
    else if (type === FRAME.BLOCKS) this.takeBlocks(body);
    else if (type === FRAME.PASS_THROUGH) this.startPassThrough(body);
    else if (type === FRAME.END) this.verify(body);
  }

  /** Write a page to QEMU, as a record or as part of a packet. */
  write(page: number, bytes: Uint8Array): void {
    const map = this.map!;
    this.pages++;
    if (this.packets.take(page, bytes, map)) return;
    this.writer.writePage(map.blockOf(page), map.offsetOf(page), bytes, 0);
  }

  /** Write a zero page to QEMU. */
  zero(page: number): void {
    const map = this.map!;
    this.pages++;
    if (this.packets.take(page, undefined, map)) return;
    this.writer.writeFill(map.blockOf(page), map.offsetOf(page), 0);
  }

  /** QEMU has the page already. */
  unchanged(): void {
    this.pages++;
    this.packets.skip(this.map!);
  }

  /** Not used: the receiver looks pages up in its own cache. */
  read(page: number): void {
    throw new PageferryError('bad-stream', `page ${page}: QEMU's memory cannot be read`);
  }

  /** Return the counts so far; `wireBytes`: bytes of the frames that were received. */
  sample(wireBytes: number): MigrationSample {
    return { streamBytes: this.writtenBytes, wireBytes, pages: this.pages, codecs: emptyCounts() };
  }

  private startPassThrough(body: Uint8Array): void {
    const { postcopy, reason } = readPassThrough(body);
    this.passThroughReason = reason;
    // QEMU names the block of the first record after the switch.
    if (postcopy) this.writer.startPostcopy();
  }

  private openGuest(pages: number): GuestMemory {
    if (!this.map) throw new PageferryError('bad-stream', 'a guest before its table of blocks');
    if (pages !== this.map.pages)
      throw new PageferryError('bad-stream', `a guest of ${pages} pages, its blocks have ${this.map.pages}`);
    return this;
  }

  private takeBlocks(body: Uint8Array): void {
    if (this.map) throw new PageferryError('bad-stream', 'a second table of blocks');
    const map = new BlockMap(readBlocks(body));
    checkGuestBytes(map, this.options.maxGuestBytes);
    this.map = map;
    this.bypass = new BypassInput(this.receiver, map);
    this.writer.setBlocks(map.blocks);
  }

  private takeBypassed(frame: ChannelFrame): void {
    const { bypass, writer } = this;
    if (!bypass || this.isVerified) throw bypassError('not between the table of blocks and the digest');
    const { connection, pages, parts } = bypass.read(frame.parts, writer.lastBlock);
    this.pages += pages;
    if (connection === MAIN) {
      writer.flush();
      writer.setLastBlock(bypass.lastBlock);
    }
    for (const bytes of parts) this.pieces.push({ connection, bytes, release: () => {} });
  }

  /** Verify all memory. @throws PageferryError `not-identical` */
  private verify(body: Uint8Array): void {
    const at = Math.max(0, body.length - BYPASS_DIGEST_BYTES);
    this.receiver.push(body.subarray(0, at));
    this.receiver.finish();
    const [received, sent] = [this.bypass!.end(), body.subarray(at)].map(digestText);
    if (received !== sent)
      throw new PageferryError(
        'not-identical',
        `the digest of bypassed bytes is ${received}, sent was ${sent}`,
      );
    this.digest = body.slice(at - DIGEST_BYTES, at);
  }

  private writeRecord(body: Uint8Array): void {
    const { map, writer } = this;
    if (!map) throw new PageferryError('bad-stream', 'a record before the table of blocks');
    const { page, kind, fill, bytes } = readRecord(body);
    const [block, offset] = [map.blockOf(page), map.offsetOf(page)];
    this.pages++;
    if (kind === 'page') writer.writePage(block, offset, bytes, 0);
    else if (kind === 'fill') writer.writeFill(block, offset, fill);
    else {
      this.receiver.invalidate(page);
      writer.writeXbzrle(block, offset, bytes, 0, bytes.length);
    }
  }

  private async writePieces(): Promise<void> {
    this.writer.flush();
    const startedAt = performance.now();
    for (const { connection, bytes, release } of this.pieces.splice(0)) {
      this.writtenBytes += bytes.length;
      await this.options.write(connection, bytes, release);
    }
    this.writeMs += performance.now() - startedAt;
  }
}
