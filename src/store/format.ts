// Pack files: append-only files of page frames (docs/store-format.md).
//
//   pack    = header frame*
//   header  = "PFSTPACK" u32(version) u32(pack number) id[16] 0[24] check[8]       64 bytes
//   frame   = head payload
//   head    = "PFFR" u32(frame id) u32(payload bytes) u32(content bytes)
//             u16(table bytes) u8(slots) u8(packing) 0[4] check[8]                 32 bytes
//
// The payload is that of `src/engine/page-frames/format.ts`, encrypted where the store has a key file. A
// header's check is XXH3-64 of the bytes before it; a frame's is XXH3-64 of its payload, seeded with XXH3-64
// of the 24 bytes before the check.
import { type FrameShape, MAX_CONTENT_BYTES } from '../engine/page-frames/format.js';
import type { Kernels } from '../kernels/kernels.js';
import { PageferryError } from '../page/error.js';

export const STORE_VERSION = 1;
export const PACK_HEADER_BYTES = 64;
export const FRAME_HEAD_BYTES = 32;
/** Bytes of a store's id. */
export const STORE_ID_BYTES = 16;
/** A pack is closed once it has this many bytes. */
export const DEFAULT_PACK_BYTES = 256 << 20;
/** Reading one page unpacks its frame: frames of 64 KiB take longer to unpack and save 3 % of the bytes. */
export const DEFAULT_FRAME_BYTES = 16 << 10;
/** Most bytes that encryption adds to a payload. */
export const MAX_ENCRYPTION_BYTES = 64;
/** Most bytes of a payload, as stored. */
export const MAX_PAYLOAD_BYTES = 2 * MAX_CONTENT_BYTES + MAX_ENCRYPTION_BYTES;
/** "PFFR", read as a little-endian u32. */
export const FRAME_MAGIC = 0x52464650;
/** Offset of the check in a frame's head; the bytes before it are authenticated with an encrypted payload. */
export const FRAME_CHECK_OFFSET = FRAME_HEAD_BYTES - 8;

const PACK_MAGIC = new TextEncoder().encode('PFSTPACK');
const PACK_CHECK_OFFSET = PACK_HEADER_BYTES - 8;

/** The head of a frame in a pack. */
export interface FrameHead extends FrameShape {
  readonly id: number;
  /** Bytes of the payload, as stored. */
  readonly payloadBytes: number;
}

/** Return the name of a pack file: eight digits, more above 99,999,999. */
export function packFileName(pack: number): string {
  return `${String(pack).padStart(8, '0')}.pack`;
}

/** Return the number of a pack file by its name; undefined for any other file. */
export function packNumberOf(name: string): number | undefined {
  const number = /^\d{8,10}\.pack$/.test(name) ? Number.parseInt(name, 10) : Number.NaN;
  return packFileName(number) === name ? number : undefined;
}

/** Computes and verifies the checks of frames and pack headers, in the kernels' memory. */
export class Checks {
  private readonly result: number;
  private readonly head: number;

  constructor(
    slots: { slot(name: string, bytes: number): number },
    private readonly kernels: Kernels,
  ) {
    this.result = slots.slot('check', 16);
    this.head = slots.slot('head', PACK_HEADER_BYTES);
  }

  /** Write the check of a frame at the end of its head. `payload`: address of `bytes` bytes. */
  writeFrame(head: Uint8Array, payload: number, bytes: number): void {
    this.computeFrame(head, payload, bytes);
    head.set(this.kernels.bytes.subarray(this.result, this.result + 8), FRAME_CHECK_OFFSET);
  }

  /** Return whether a frame has the check that its head states. `payload`: address of `bytes` bytes. */
  verifyFrame(head: Uint8Array, payload: number, bytes: number): boolean {
    this.computeFrame(head, payload, bytes);
    return this.isAt(head, FRAME_CHECK_OFFSET);
  }

  /**
   * Return whether the frame at `address`, with a payload of `bytes` bytes, has the check that its head
   * states. `view`: the whole memory of the kernels.
   */
  verifyFrameAt(view: DataView, address: number, bytes: number): boolean {
    const { run, words } = this.kernels;
    const result = this.result >>> 2;
    run.hash64(address, FRAME_CHECK_OFFSET, 0, 0, this.result);
    run.hash64(address + FRAME_HEAD_BYTES, bytes, words[result]!, words[result + 1]!, this.result);
    const stated = address + FRAME_CHECK_OFFSET;
    const isLowEqual = view.getUint32(stated, true) === words[result];
    return isLowEqual && view.getUint32(stated + 4, true) === words[result + 1];
  }

  /** Write the check of a pack's header at its end. */
  writeHeader(header: Uint8Array): void {
    this.computeHeader(header);
    header.set(this.kernels.bytes.subarray(this.result, this.result + 8), PACK_CHECK_OFFSET);
  }

  /** Return whether a header has the check that it states. */
  verifyHeader(header: Uint8Array): boolean {
    this.computeHeader(header);
    return this.isAt(header, PACK_CHECK_OFFSET);
  }

  private computeFrame(head: Uint8Array, payload: number, bytes: number): void {
    const { run, words, bytes: memory } = this.kernels;
    memory.set(head.subarray(0, FRAME_CHECK_OFFSET), this.head);
    run.hash64(this.head, FRAME_CHECK_OFFSET, 0, 0, this.result);
    run.hash64(payload, bytes, words[this.result >>> 2]!, words[(this.result >>> 2) + 1]!, this.result);
  }

  private computeHeader(header: Uint8Array): void {
    this.kernels.bytes.set(header.subarray(0, PACK_CHECK_OFFSET), this.head);
    this.kernels.run.hash64(this.head, PACK_CHECK_OFFSET, 0, 0, this.result);
  }

  private isAt(bytes: Uint8Array, at: number): boolean {
    for (let i = 0; i < 8; i++) if (bytes[at + i] !== this.kernels.bytes[this.result + i]) return false;
    return true;
  }
}

/** Return the header of a pack, without its check. */
export function packHeader(pack: number, storeId: Uint8Array): Uint8Array {
  const header = new Uint8Array(PACK_HEADER_BYTES);
  const view = new DataView(header.buffer);
  header.set(PACK_MAGIC);
  view.setUint32(8, STORE_VERSION, true);
  view.setUint32(12, pack, true);
  header.set(storeId, 16);
  return header;
}

/**
 * Check the header of a pack, read as `name`. @throws PageferryError `bad-stream`, or `unsupported` for
 * another version
 */
export function checkPackHeader(
  checks: Checks,
  header: Uint8Array,
  pack: number,
  storeId: Uint8Array,
  name: string,
): void {
  const expected = packHeader(pack, storeId);
  if (header.length < PACK_HEADER_BYTES || PACK_MAGIC.some((byte, i) => header[i] !== byte))
    throw new PageferryError('bad-stream', `${name}: does not begin as a pack of a store`);
  if (!checks.verifyHeader(header))
    throw new PageferryError('bad-stream', `${name}: its header is damaged: the check differs`);
  const version = new DataView(header.buffer, header.byteOffset).getUint32(8, true);
  if (version !== STORE_VERSION)
    throw new PageferryError(
      'unsupported',
      `${name}: version ${version}, this program reads ${STORE_VERSION}`,
    );
  if (expected.some((byte, i) => i < PACK_CHECK_OFFSET && header[i] !== byte))
    throw new PageferryError('bad-stream', `${name}: belongs to another store, or to another pack of it`);
}

/** Write a frame's head to `out`, without its check. */
export function writeFrameHead(out: Uint8Array, head: FrameHead): void {
  const view = new DataView(out.buffer, out.byteOffset, FRAME_HEAD_BYTES);
  view.setUint32(0, FRAME_MAGIC, true);
  view.setUint32(4, head.id, true);
  view.setUint32(8, head.payloadBytes, true);
  view.setUint32(12, head.contentBytes, true);
  view.setUint16(16, head.tableBytes, true);
  view.setUint8(18, head.slotCount);
  view.setUint8(19, head.packing);
  view.setUint32(20, 0, true);
}

/** Parse a frame's head; undefined if the bytes are not one. The check is not verified. */
export function readFrameHead(bytes: Uint8Array): FrameHead | undefined {
  if (bytes.length < FRAME_HEAD_BYTES) return undefined;
  return frameHeadIn(new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEAD_BYTES), 0);
}

/** Parse the head of a frame at byte `at`; undefined if the bytes are not one. The check is not verified. */
export function frameHeadIn(view: DataView, at: number): FrameHead | undefined {
  if (view.getUint32(at, true) !== FRAME_MAGIC || view.getUint32(at + 20, true) !== 0) return undefined;
  return {
    id: view.getUint32(at + 4, true),
    payloadBytes: view.getUint32(at + 8, true),
    contentBytes: view.getUint32(at + 12, true),
    tableBytes: view.getUint16(at + 16, true),
    slotCount: view.getUint8(at + 18),
    packing: view.getUint8(at + 19),
  };
}
