/**
 * A channel of multifd: a head, then packets. All integers are big-endian.
 *
 *     channel = magic=11223344:u32  version=1:u32  uuid:16  id:u8  0 x 39  { packet }
 *     packet  = magic=11223344:u32  version=1:u32  flags:u32  allocated:u32  normal:u32  data bytes:u32
 *               number:u64  zero:u32  0 x 28  block name:256  offset:u64 x 128  { page:4096 }
 *
 * The first `normal` offsets are of pages whose bytes follow, the next `zero` offsets of pages of zeros (QEMU
 * 9.0 and later; 0 before). `data bytes` means nothing where `normal` is 0: QEMU 7.2 leaves the value of the
 * packet before. Offsets after these may be left from earlier packets too.
 */
import {
  latin1,
  MULTIFD_MAGIC,
  type QemuBlock,
  TARGET_PAGE_BITS,
  TARGET_PAGE_BYTES,
  u32,
  u64,
} from './format.js';

const MULTIFD_VERSION = 1;
/** The head of a channel. */
export const MULTIFD_INIT_BYTES = 64;
/** Most pages of a packet. */
export const MAX_PACKET_PAGES = 128;
export const PACKET_HEAD_BYTES = 320 + 8 * MAX_PACKET_PAGES;
export const MAX_PACKET_BYTES = PACKET_HEAD_BYTES + MAX_PACKET_PAGES * TARGET_PAGE_BYTES;
/** MULTIFD_FLAG_SYNC: the receiver waits until the main stream has reached this synchronization point. */
export const PACKET_SYNC = 1;
/** Flags of the compression of the pages. */
const COMPRESSION_FLAGS = 0x1f << 1;
const FLAGS_AT = 8;
const ALLOCATED_AT = 12;
const NORMAL_AT = 16;
const DATA_BYTES_AT = 20;
const NUMBER_AT = 24;
const ZERO_AT = 32;
const RESERVED_AT = 36;
const NAME_AT = 64;
const OFFSETS_AT = 320;
/** The block of a packet without a name. */
export const NO_BLOCK = -1;

/** Fields of a packet's head, besides its pages. */
export interface PacketFields {
  readonly flags: number;
  readonly allocated: number;
  readonly dataBytes: number;
  readonly number: number;
  /** Number of the block in the main stream's table, or `NO_BLOCK`. */
  readonly block: number;
}

/** Head of a packet whose pages are uncompressed. */
export interface Packet extends PacketFields {
  /** Numbers of its pages within the block: first `normal` whose bytes follow, then pages of zeros. */
  readonly pages: readonly number[];
  readonly normal: number;
}

/** Return the reason why the head of a channel cannot be parsed; undefined if it can. */
export function initProblem(bytes: Uint8Array): string | undefined {
  const [magic, version] = [u32(bytes, 0), u32(bytes, 4)];
  if (magic === MULTIFD_MAGIC && version === MULTIFD_VERSION) return undefined;
  return `a multifd channel with magic 0x${magic.toString(16)}, version ${version}`;
}

/** Return the reason why a packet's head cannot be parsed, without its block; undefined if it can. */
export function headProblem(bytes: Uint8Array): string | undefined {
  const [magic, version, flags] = [u32(bytes, 0), u32(bytes, 4), u32(bytes, FLAGS_AT)];
  if (magic !== MULTIFD_MAGIC || version !== MULTIFD_VERSION)
    return `a multifd packet with magic 0x${magic.toString(16)}, version ${version}`;
  if ((flags & COMPRESSION_FLAGS) !== 0) return "QEMU's own compression (multifd-compression)";
  if ((flags & ~PACKET_SYNC) !== 0) return `a multifd packet with flags 0x${flags.toString(16)}`;
  const [normal, zero] = [u32(bytes, NORMAL_AT), u32(bytes, ZERO_AT)];
  const [dataBytes, number] = [u32(bytes, DATA_BYTES_AT), u64(bytes, NUMBER_AT)];
  if (normal + zero > MAX_PACKET_PAGES)
    return `a multifd packet of ${normal + zero} pages, more than ${MAX_PACKET_PAGES}`;
  if (normal + zero > 0 && dataBytes !== normal * TARGET_PAGE_BYTES)
    return `a multifd packet of ${normal} pages with ${dataBytes} bytes`;
  if (!Number.isSafeInteger(number)) return `a multifd packet with number ${number}`;
  for (let at = RESERVED_AT; at < NAME_AT; at++)
    if (bytes[at] !== 0) return 'a multifd packet with unknown fields';
  return undefined;
}

/** Return the bytes of pages that follow a packet's head, which has no `headProblem`. */
export function packetDataBytes(bytes: Uint8Array): number {
  return u32(bytes, NORMAL_AT) * TARGET_PAGE_BYTES;
}

/** Whether a packet is a synchronization point; its head has no `headProblem`. */
export function isSync(bytes: Uint8Array): boolean {
  return (u32(bytes, FLAGS_AT) & PACKET_SYNC) !== 0;
}

/**
 * Parse a packet's head, which has no `headProblem`. `blocks`: the main stream's table, empty before it was
 * read. Return the packet, or the reason why it cannot be parsed.
 */
export function readPacket(bytes: Uint8Array, blocks: readonly QemuBlock[]): Packet | string {
  const nameEnd = bytes.indexOf(0, NAME_AT);
  const name = latin1(bytes, NAME_AT, Math.min(nameEnd < 0 ? OFFSETS_AT : nameEnd, OFFSETS_AT));
  const block = name === '' ? NO_BLOCK : blocks.findIndex((known) => known.name === name);
  if (block < 0 && name !== '')
    return `a multifd packet of block "${name}", which is not in the table of blocks`;
  const normal = u32(bytes, NORMAL_AT);
  const count = normal + u32(bytes, ZERO_AT);
  if (count > 0 && block < 0) return `a multifd packet of ${count} pages without a block`;
  const pages: number[] = [];
  for (let at = OFFSETS_AT; at < OFFSETS_AT + 8 * count; at += 8) {
    const offset = u64(bytes, at);
    if (offset % TARGET_PAGE_BYTES !== 0 || offset >= blocks[block]!.bytes)
      return `a multifd packet with offset ${offset} of block "${name}"`;
    pages.push(offset / TARGET_PAGE_BYTES);
  }
  return {
    flags: u32(bytes, FLAGS_AT),
    allocated: u32(bytes, ALLOCATED_AT),
    dataBytes: u32(bytes, DATA_BYTES_AT),
    number: u64(bytes, NUMBER_AT),
    ...{ block, normal, pages },
  };
}

/** Write the offset of a packet's page, the `index`th of the packet. */
export function writeOffset(bytes: Uint8Array, index: number, page: number): void {
  viewOf(bytes).setBigUint64(OFFSETS_AT + 8 * index, BigInt(page) << BigInt(TARGET_PAGE_BITS));
}

/** Write a packet's head, without the offsets, to bytes that are zero. */
export function writePacketHead(
  bytes: Uint8Array,
  { flags, allocated, dataBytes, number }: PacketFields,
  counts: { readonly normal: number; readonly zero: number },
  name: string,
): void {
  const view = viewOf(bytes);
  view.setUint32(0, MULTIFD_MAGIC);
  view.setUint32(4, MULTIFD_VERSION);
  view.setUint32(FLAGS_AT, flags);
  view.setUint32(ALLOCATED_AT, allocated);
  view.setUint32(NORMAL_AT, counts.normal);
  view.setUint32(DATA_BYTES_AT, dataBytes);
  view.setBigUint64(NUMBER_AT, BigInt(number));
  view.setUint32(ZERO_AT, counts.zero);
  for (let i = 0; i < name.length; i++) bytes[NAME_AT + i] = name.charCodeAt(i);
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length);
}
