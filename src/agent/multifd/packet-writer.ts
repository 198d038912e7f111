import { PageferryError } from '../../page/error.js';
import { TARGET_PAGE_BYTES } from '../../qemu/format.js';
import {
  MAX_PACKET_BYTES,
  NO_BLOCK,
  PACKET_HEAD_BYTES,
  PACKET_SYNC,
  type PacketFields,
  writeOffset,
  writePacketHead,
} from '../../qemu/multifd.js';
import type { BlockMap } from '../block-map.js';
import { MAIN } from '../connection.js';
import { type PacketRun, readRuns } from './packet-runs.js';

/** Runs that may wait for their pages: many more than a batch has pages. */
const MAX_RUNS = 4096;
const FREE_BUFFERS = 16;

/** A packet that was built again. */
export interface BuiltPacket {
  readonly connection: number;
  readonly bytes: Uint8Array;
  /** Call once the bytes were written: their memory is used again. */
  readonly release: () => void;
}

/** Builds the packets of all channels again, from pages in the order of the page stream. */
export class PacketWriter {
  private runs: PacketRun[] = [];
  /** Pages that the first run still expects. */
  private left = 0;
  private buffer: Uint8Array | undefined;
  private normal = 0;
  private zero = 0;
  private readonly free: Uint8Array[] = [];

  constructor(private readonly output: (packet: BuiltPacket) => void) {}

  /** Whether pages of earlier runs are missing. */
  get isWaiting(): boolean {
    return this.runs.length > 0;
  }

  /** Expect the pages of a PACKETS frame. @throws PageferryError `bad-stream` */
  expect(body: Uint8Array, map: BlockMap | undefined): void {
    const runs = readRuns(body, map?.blocks.length ?? 0);
    if (this.runs.length + runs.length > MAX_RUNS)
      throw new PageferryError('limit', `packets: more than ${MAX_RUNS} without their pages`);
    const wasEmpty = this.runs.length === 0;
    this.runs.push(...runs);
    if (wasEmpty) this.beginRun(map);
  }

  /**
   * Take the next page of the page stream; `bytes` is undefined for zeros. Return false where it is a record
   * of the main connection. @throws PageferryError `bad-stream`
   */
  take(page: number, bytes: Uint8Array | undefined, map: BlockMap): boolean {
    const run = this.runs[0];
    if (!run) return false;
    if (run.fields) this.addPage(run, run.fields, page, bytes, map);
    this.countPage(map);
    return run.fields !== undefined;
  }

  /** As `take`, for a page that QEMU has: it is left out. */
  skip(map: BlockMap): void {
    if (this.runs.length > 0) this.countPage(map);
  }

  private addPage(
    run: PacketRun,
    { block }: PacketFields,
    page: number,
    bytes: Uint8Array | undefined,
    map: BlockMap,
  ): void {
    if (map.blockOf(page) !== block)
      throw new PageferryError('bad-stream', `page ${page}: its packet is of block ${block}`);
    const packet = this.openPacket();
    const isNormal = this.left > run.zero;
    if (!isNormal && bytes !== undefined)
      throw new PageferryError('bad-stream', `page ${page}: not zero, as its packet says`);
    writeOffset(packet, this.normal + this.zero, map.offsetOf(page));
    if (!isNormal) {
      this.zero++;
      return;
    }
    const at = PACKET_HEAD_BYTES + TARGET_PAGE_BYTES * this.normal;
    if (bytes) packet.set(bytes, at);
    else packet.fill(0, at, at + TARGET_PAGE_BYTES);
    this.normal++;
  }

  private countPage(map: BlockMap | undefined): void {
    this.left--;
    if (this.left > 0) return;
    this.endRun(map);
    this.runs.shift();
    this.beginRun(map);
  }

  /** Begin the first run; those without pages end at once. */
  private beginRun(map: BlockMap | undefined): void {
    for (; this.runs[0]; this.runs.shift()) {
      const { normal, zero } = this.runs[0];
      this.left = normal + zero;
      if (this.left > 0) return;
      this.endRun(map);
    }
  }

  /** Write the packet of the first run, unless QEMU has all of its pages. */
  private endRun(map: BlockMap | undefined): void {
    const { connection, fields, normal, zero } = this.runs[0]!;
    if (connection === MAIN || !fields) return;
    const hadPages = normal + zero > 0;
    const counts = { normal: this.normal, zero: this.zero };
    const isEmpty = counts.normal + counts.zero === 0;
    if (hadPages && isEmpty && (fields.flags & PACKET_SYNC) === 0) return;
    const buffer = this.openPacket();
    const dataBytes = counts.normal * TARGET_PAGE_BYTES;
    const name = fields.block === NO_BLOCK ? '' : map!.blocks[fields.block]!.name;
    writePacketHead(buffer, hadPages ? { ...fields, dataBytes } : fields, counts, name);
    this.buffer = undefined;
    this.normal = 0;
    this.zero = 0;
    this.output({
      connection,
      bytes: buffer.subarray(0, PACKET_HEAD_BYTES + dataBytes),
      release: () => this.release(buffer),
    });
  }

  private openPacket(): Uint8Array {
    if (this.buffer) return this.buffer;
    this.buffer = this.free.pop() ?? new Uint8Array(MAX_PACKET_BYTES);
    this.buffer.fill(0, 0, PACKET_HEAD_BYTES);
    return this.buffer;
  }

  private release(buffer: Uint8Array): void {
    if (this.free.length < FREE_BUFFERS) this.free.push(buffer);
  }
}
