/**
 * The part of QEMU's migration stream that can be parsed without knowledge of the guest's devices
 * (docs/qemu-stream.md). All integers are big-endian.
 *
 *     stream    = "QEVM"  version=3:u32  configuration  { command | section }  ( device … | 00 )
 *     configuration = 07  length:u32  machine  { 05  string  version=1:u32  payload }
 *     string    = length:u8  byte…
 *     command   = 08  number:u16  length:u16  byte…
 *     section   = ( 01 id:u32 string instance:u32 version:u32  |  02 id:u32  |  03 id:u32 )
 *                 { record }  end  7E id:u32
 *     device    = 04 …                           not delimited: nothing after it can be parsed
 *     record    = head  page:4096 | head  fill:u8 | head  01 length:u16 xbzrle | blocks | flush
 *     head      = position:u64  [ string ]
 *                 position = offset in the block + flags; without CONTINUE, the block's name follows
 *     blocks    = total:u64  { string  bytes:u64  [ page bytes:u64 ]  [ address:u64 ] }
 *                 total = sum of all bytes + flag MEM_SIZE
 *     flush     = 0000000000000200               multifd: the receiver waits for all of its channels
 *     end       = 0000000000000010
 */
export const QEMU_MAGIC = 0x5145564d;
export const QEMU_VERSION = 3;
export const MULTIFD_MAGIC = 0x11223344;

export const TARGET_PAGE_BYTES = 4096;
export const TARGET_PAGE_BITS = 12;
export const FLAG_MASK = 0xfff;
/** Pages that the lower 32 bits of a position can address. */
export const PAGES_PER_HIGH = 1 << 20;

export const sectionType = {
  eof: 0x00,
  start: 0x01,
  part: 0x02,
  end: 0x03,
  full: 0x04,
  subsection: 0x05,
  configuration: 0x07,
  command: 0x08,
  footer: 0x7e,
} as const;

export const flag = {
  zero: 0x02,
  memSize: 0x04,
  page: 0x08,
  end: 0x10,
  continues: 0x20,
  xbzrle: 0x40,
  multifdFlush: 0x200,
} as const;

/** Flags of records that are not parsed, and their meanings. */
export const UNSUPPORTED_FLAGS: Readonly<Record<number, string>> = {
  1: 'an obsolete record (FULL)',
  128: 'RDMA (HOOK)',
  256: "QEMU's own compression (COMPRESS_PAGE)",
};

export const XBZRLE_ENCODING = 0x01;

export const RAM_NAME = 'ram';
export const RAM_VERSION = 4;

/** Commands, indexed by their number in the stream. */
export const COMMANDS = [
  'INVALID',
  'OPEN_RETURN_PATH',
  'PING',
  'POSTCOPY_ADVISE',
  'POSTCOPY_LISTEN',
  'POSTCOPY_RUN',
  'POSTCOPY_RAM_DISCARD',
  'PACKAGED',
  'ENABLE_COLO',
  'POSTCOPY_RESUME',
  'RECV_BITMAP',
  'SWITCHOVER_START',
] as const;
export type QemuCommand = (typeof COMMANDS)[number];

/**
 * Machines whose target pages have 4096 bytes, or whose stream states another size. The streams of other
 * machines (SPARC, Alpha, and "virt" without a version, which is RISC-V or OpenRISC) do not state it, so they
 * are not parsed.
 */
export const KNOWN_MACHINES = /^(pc-|isapc$|microvm$|xenfv|virt-|pseries|s390-ccw-virtio)/;

/** 8 TiB: larger than known guests, and page numbers still fit in 32 bits. */
export const MAX_RAM_BYTES = 2 ** 43;
export const MAX_BLOCKS = 4096;
export const MAX_MACHINE_BYTES = 255;
export const MAX_SUBSECTIONS = 8;
export const MAX_CAPABILITIES = 64;

/** A RAM block: a named range of guest memory. */
export interface QemuBlock {
  /** One character per byte (Latin-1). */
  readonly name: string;
  readonly bytes: number;
  /** Page size of the memory behind the block; only present in streams of postcopy with huge pages. */
  readonly hugePageBytes?: number;
}

/** A byte range of a block. */
export interface QemuRange {
  readonly start: number;
  readonly bytes: number;
}

/** Decode bytes[from, to) as Latin-1, so that every name survives unchanged. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += String.fromCharCode(bytes[i]!);
  return text;
}

/** Read a big-endian u16. */
export function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Read a big-endian u32. */
export function u32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Read a big-endian u64: exact up to 2^53, rounded above. All limits are below 2^53. */
export function u64(bytes: Uint8Array, at: number): number {
  return u32(bytes, at) * 2 ** 32 + u32(bytes, at + 4);
}
