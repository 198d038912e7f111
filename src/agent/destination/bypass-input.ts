import type { PageReceiver } from '../../engine/live/page-receiver.js';
import type { QemuEvents } from '../../qemu/events.js';
import { InputBuffer } from '../../qemu/input-buffer.js';
import { headProblem, PACKET_HEAD_BYTES, packetDataBytes, readPacket } from '../../qemu/multifd.js';
import { RamRecords } from '../../qemu/ram-records.js';
import type { BlockMap } from '../block-map.js';
import { BYPASS_HEAD_BYTES, BypassDigest, bypassError, readBypassHead } from '../bypass.js';
import { MAIN } from '../connection.js';

/** What is written to QEMU of one BYPASS frame. */
export interface BypassedBytes {
  readonly connection: number;
  /** Pages of the records, or of the packet that begins. */
  readonly pages: number;
  readonly parts: readonly Uint8Array[];
}

/** Reads BYPASS frames: which pages they have, which are unknown from then on. Their bytes are not copied. */
export class BypassInput {
  private readonly digest = new BypassDigest();
  private readonly records: RamRecords;
  private readonly input: InputBuffer;
  private pages = 0;
  /** The packet that has begun, and its bytes that are to follow. */
  private packet = { connection: MAIN, left: 0 };

  constructor(
    private readonly receiver: Pick<PageReceiver, 'invalidate'>,
    private readonly map: BlockMap,
  ) {
    this.records = new RamRecords(map.blocks);
    const events = this.events();
    this.input = new InputBuffer((bytes, at, end) => this.parse(bytes, at, end, events));
  }

  /** A packet has begun, and only its bytes may follow. */
  get isWaiting(): boolean {
    return this.packet.left > 0;
  }

  /** Block of the last record. */
  get lastBlock(): number {
    return this.records.block;
  }

  /**
   * Read the body of a frame. `lastBlock`: block of the record that was written to QEMU before.
   * @throws PageferryError `bad-stream`
   */
  read(body: readonly Uint8Array[], lastBlock: number): BypassedBytes {
    for (const part of body) this.digest.add(part);
    const parts = split(body, BYPASS_HEAD_BYTES);
    const { connection, block } = readBypassHead(parts.head);
    if (this.isWaiting && connection !== this.packet.connection)
      throw bypassError(`connection ${connection} inside a packet of connection ${this.packet.connection}`);
    this.pages = 0;
    if (connection !== MAIN) this.readPacket(connection, parts.rest);
    else {
      if (block !== lastBlock)
        throw bypassError(`records after block ${block}, the last one is ${lastBlock}`);
      this.records.block = block;
      for (const part of parts.rest) this.input.push(part);
      const cut = this.input.release().length;
      if (cut > 0) throw bypassError(`a record that ends after ${cut} bytes`);
    }
    return { connection, pages: this.pages, parts: parts.rest };
  }

  /** Return the digest of all frames. */
  end(): Uint8Array {
    return this.digest.end();
  }

  private events(): QemuEvents {
    const { map } = this;
    const take = (block: number, page: number) => this.invalidate(map.numberOf(block, page));
    const refuse = (found: string) => () => {
      throw bypassError(`${found} among records of pages`);
    };
    return {
      onPage: take,
      onFill: take,
      onLiteral: refuse('a record without a page'),
      onXbzrle: refuse('an xbzrle record'),
    };
  }

  private parse(bytes: Uint8Array, at: number, end: number, events: QemuEvents): number {
    const { records } = this;
    const stopped = records.parse(bytes, at, end, events);
    if (records.outcome === 'unsupported') throw bypassError(records.reason);
    this.input.needed = records.needed;
    return stopped;
  }

  private invalidate(page: number): void {
    this.pages++;
    this.receiver.invalidate(page);
  }

  private readPacket(connection: number, parts: readonly Uint8Array[]): void {
    const bytes = parts.reduce((sum, { length }) => sum + length, 0);
    if (this.isWaiting) this.packet.left -= bytes;
    else {
      const { head } = split(parts, PACKET_HEAD_BYTES);
      const problem = head.length < PACKET_HEAD_BYTES ? `a packet of ${bytes} bytes` : headProblem(head);
      const packet = problem ?? readPacket(head, this.map.blocks);
      if (typeof packet === 'string') throw bypassError(packet);
      for (const page of packet.pages) this.invalidate(this.map.numberOf(packet.block, page));
      this.packet = { connection, left: PACKET_HEAD_BYTES + packetDataBytes(head) - bytes };
    }
    if (this.packet.left < 0) throw bypassError(`a packet with ${-this.packet.left} bytes too many`);
  }
}

/** Return the first `bytes` bytes in one piece, or all where there are fewer, and the rest. */
function split(
  parts: readonly Uint8Array[],
  bytes: number,
): { readonly head: Uint8Array; readonly rest: readonly Uint8Array[] } {
  const first = parts[0];
  if (first && first.length > bytes)
    return { head: first.subarray(0, bytes), rest: [first.subarray(bytes), ...parts.slice(1)] };
  const joined = Buffer.concat(parts);
  return { head: joined.subarray(0, bytes), rest: joined.length > bytes ? [joined.subarray(bytes)] : [] };
}
