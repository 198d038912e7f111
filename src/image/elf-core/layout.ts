/**
 * The part of ELF that core files use (System V ABI, "Object Files"; 64-bit, little-endian). Fields are
 * offsets in bytes.
 *
 *     file      = header … { program header }count … [ section header ] … { memory }
 *     header    = 7F 45 4C 46  class=2  data=1  version=1 …
 *                 @16 type=4:u16  machine:u16  version=1:u32  entry:u64  @32 phoff:u64  shoff:u64
 *                 @52 ehsize=64:u16  phentsize=56:u16  phnum:u16  shentsize=64:u16  shnum:u16
 *     program header  = type:u32  flags:u32  offset:u64  vaddr:u64  paddr:u64
 *                       filesz:u64  memsz:u64  align:u64
 *     count     = phnum, or if phnum is FFFF: u32 at 44 (sh_info) of the first section header
 */
export const ELF_MAGIC = 0x464c457f;
export const CLASS_64 = 2;
export const DATA_LITTLE_ENDIAN = 1;
export const ET_CORE = 4;
export const PT_LOAD = 1;
export const PN_XNUM = 0xffff;

export const HEADER_BYTES = 64;
export const PROGRAM_HEADER_BYTES = 56;
export const SECTION_HEADER_BYTES = 64;

export const header = {
  class: 4,
  data: 5,
  version: 6,
  type: 16,
  machine: 18,
  fileVersion: 20,
  phoff: 32,
  shoff: 40,
  ehsize: 52,
} as const;
export const headerCounts = { phentsize: 54, phnum: 56, shentsize: 58, shnum: 60 } as const;
export const programHeader = {
  type: 0,
  flags: 4,
  offset: 8,
  vaddr: 16,
  paddr: 24,
  filesz: 32,
  memsz: 40,
  align: 48,
} as const;
export const SECTION_INFO_OFFSET = 44;
