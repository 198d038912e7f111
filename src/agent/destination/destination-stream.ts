import { type ChannelFrame, FRAME } from '../../channel/frame.js';
import type { FrameChannel } from '../../channel/frame-channel.js';
import type { BasePages } from '../../dedup/remote-page-cache.js';
import { emptyCounts } from '../../engine/frame/counters.js';
import { createPageReceiver } from '../../engine/live/create-page-receiver.js';
import type { GuestMemory, PageReceiver } from '../../engine/live/page-receiver.js';
import { PageferryError } from '../../page/error.js';
import { QemuStreamWriter } from '../../qemu/stream-writer.js';
import { DIGEST_BYTES } from '../../stream/format.js';
import { BlockMap } from '../block-map.js';
import { readAsIs } from '../bypass.js';
import { readBlocks, readRecord } from '../messages.js';
import type { MigrationView } from '../metrics.js';
import { BufferPool } from './buffer-pool.js';

const MAX_GUEST_BYTES = 2 ** 43;

/** Writes bytes to QEMU; returns when more may come, and says when they are written. */
type Out = (bytes: Uint8Array, written: () => void) => Promise<void>;

/** Makes QEMU's main connection again from what came over the channel: pages as records of its own, everything else as it was. */
export class DestinationStream implements GuestMemory {
  isProved = false;
  /** Of all memory, once it was proved. */
  digest: Uint8Array | undefined;
  private readonly writer: QemuStreamWriter;
  private readonly rooms = new BufferPool();
  private receiver!: PageReceiver;
  private map: BlockMap | undefined;
  private readonly pieces: Uint8Array[] = [];
  /** Why not all of the stream is read, if it is not. */
  unread: string | undefined;
  private pages = 0;
  private writtenBytes = 0;

  private constructor(private readonly out: Out) {
    const { rooms } = this;
    const handed = (bytes: Uint8Array) => {
      rooms.handed(bytes);
      this.pieces.push(bytes);
    };
    this.writer = new QemuStreamWriter(handed, { zeroFillOnly: true, allocate: rooms.next });
  }

  static async open(cacheBytes: number, base: BasePages | undefined, out: Out): Promise<DestinationStream> {
    const stream = new DestinationStream(out);
    stream.receiver = await createPageReceiver({
      open: (_, pages) => stream.announced(pages),
      maxGuestBytes: MAX_GUEST_BYTES,
      cacheBytes,
      ...(base && { base }),
    });
    return stream;
  }

  /** A frame that is not of a connection. @throws PageferryError `bad-stream` */
  async take(channel: FrameChannel, frame: ChannelFrame): Promise<void> {
    const { type, body } = frame;
    if (type === FRAME.PAGES) this.receiver.push(body);
    else if (type === FRAME.RECORD) this.record(body);
    else if (type === FRAME.BYPASS) this.asIs(body);
    else if (type === FRAME.BLOCKS) this.blocks(body);
    else if (type === FRAME.PASS_THROUGH) this.passUnread(body);
    else if (type === FRAME.END) {
      this.receiver.push(body);
      this.receiver.finish();
      this.isProved = true;
      this.digest = body.slice(body.length - DIGEST_BYTES);
    } else throw channel.unexpected(frame, FRAME.PAGES);
    await this.flush();
  }

  /** Whether QEMU may have all that it needs: memory was proved, or is not read at all. */
  get mayBeDone(): boolean {
    return this.isProved || this.unread !== undefined;
  }

  async literal(bytes: Uint8Array): Promise<void> {
    this.writer.writeLiteral(bytes, 0, bytes.length);
    await this.flush();
  }

  write(page: number, bytes: Uint8Array): void {
    const map = this.map!;
    this.pages++;
    this.writer.writePage(map.blockOf(page), map.offsetOf(page), bytes, 0);
  }

  zero(page: number): void {
    const map = this.map!;
    this.pages++;
    this.writer.writeFill(map.blockOf(page), map.offsetOf(page), 0);
  }

  /** QEMU has it already. */
  unchanged(): void {
    this.pages++;
  }

  /** Never asked: pages are looked up in the receiver's cache. */
  read(page: number): void {
    throw new PageferryError('bad-stream', `page ${page}: asked for what QEMU has`);
  }

  view(takenBytes: number): MigrationView {
    return {
      bytesIn: this.writtenBytes,
      pages: this.pages,
      bytesOut: takenBytes,
      sentBytes: takenBytes,
      link: { bitsPerSecond: 0, queueBytes: 0 },
      codecs: emptyCounts(),
    };
  }

  /** From here on: kind u8 (0 as it is, 1 postcopy) | why. */
  private passUnread(body: Uint8Array): void {
    this.unread = new TextDecoder().decode(body.subarray(1)).replace(/\p{C}/gu, ' ');
    // QEMU names the block anew after the switch.
    if (body[0] === 1) this.writer.startPostcopy();
  }

  private announced(pages: number): GuestMemory {
    if (pages !== this.map?.pages)
      throw new PageferryError(
        'bad-stream',
        `a guest of ${pages} pages, its blocks have ${this.map?.pages ?? 'not been told'}`,
      );
    return this;
  }

  private blocks(body: Uint8Array): void {
    if (this.map) throw new PageferryError('bad-stream', 'a second table of blocks');
    this.map = new BlockMap(readBlocks(body));
    this.writer.setBlocks(this.map.blocks);
  }

  private asIs(body: Uint8Array): void {
    const { pages, kinds, bytes } = readAsIs(body, this.map?.pages ?? 0);
    this.receiver.bypassed(pages, kinds, bytes);
  }

  private record(body: Uint8Array): void {
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

  private async flush(): Promise<void> {
    this.writer.flush();
    for (const piece of this.pieces.splice(0)) {
      this.writtenBytes += piece.length;
      await this.out(piece, () => this.rooms.written(piece));
    }
  }
}
