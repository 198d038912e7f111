/**
 * The kdump-compressed format (makedumpfile, IMPLEMENTATION; its predecessor is diskdump). Fields are offsets
 * in bytes; the byte order is the machine's. Machines of 32 bits have a timestamp of 8 bytes instead of 16.
 *
 *     file       = block of header | sub-header blocks | bitmap 1 | bitmap 2 | { descriptor } | { page data }
 *     header     = "KDUMP   " or "DISKDUMP" | version i32 | utsname 6 x 65 | 0 x 6 (2) | timestamp 16 (8)
 *                  | status u32 | block bytes i32 | sub-header blocks i32 | bitmap blocks u32
 *                  | pages u32 | 0 x 16 | processors u32
 *     sub-header = phys_base word | dump level i32 | split i32 | first page word | end page word
 *                  | VMCOREINFO's text: offset i64 | bytes word   | notes: offset i64 | bytes word | …
 *                  @80 first page u64 | end page u64 | pages u64            version 6 and later, 64 bits
 *     bitmap     = a bit for each page of physical memory, the lowest first; 1: the page exists (bitmap 1),
 *                  the page is in the file (bitmap 2)
 *     descriptor = offset i64 | bytes u32 | flags u32 | page flags u64      of each page that is in the file
 */
export const KDUMP_MAGIC = 'KDUMP   ';
export const DISKDUMP_MAGIC = 'DISKDUMP';

export const HEADER_BYTES = 464;
export const DESCRIPTOR_BYTES = 24;

export const MACHINE_BYTES = 65;
export const header = { version: 8, system: 12, machine: 12 + 4 * MACHINE_BYTES, status: 424 } as const;
/** A header of a 32-bit machine is shorter before `status`. */
export const SHORTER_BYTES = 12;

/** Fields after `status`. */
export const afterStatus = { blockBytes: 4, subHeaderBlocks: 8, bitmapBlocks: 12, pages: 16 } as const;

/** Fields of a sub-header: of all machines, of 64-bit machines. */
export const subHeader = {
  split: { 64: 12, 32: 8 },
  vmcoreinfo: 32,
  notes: 48,
  pages64: 96,
} as const;
export const SUB_HEADER_BYTES = 104;

/** `status`: the disk was full. */
export const STATUS_INCOMPLETE = 8;

/** `flags` of a descriptor: how a page is compressed. */
export const pageFlags = { zlib: 1, lzo: 2, snappy: 4, zstd: 0x20 } as const;
export const COMPRESSION_FLAGS = 0x27;

/** Names of little-endian machines of 64 bits, by their number in ELF. */
export const MACHINES: Readonly<Record<number, string>> = {
  21: 'ppc64le',
  62: 'x86_64',
  183: 'aarch64',
  243: 'riscv64',
  258: 'loongarch64',
};
