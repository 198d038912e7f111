/**
 * The part of ELF that core files use (System V ABI, "Object Files"), of both classes and byte orders. Fields
 * are offsets in bytes; of the pairs below the first is for 64 bits, the second for 32.
 *
 *     file      = header … { program header }count … [ section header ] … { memory }
 *     header    = 7F 45 4C 46  class=2|1  data=1|2  version=1 …
 *                 @16 type=4:u16  machine:u16  version=1:u32  entry:word  phoff:word  shoff:word
 *                 flags:u32  ehsize=64|52:u16  phentsize=56|32:u16  phnum:u16  shentsize=64|40:u16  shnum:u16
 *     program header  64 bits: type:u32  flags:u32  offset  vaddr  paddr  filesz  memsz  align
 *                     32 bits: type:u32  offset  vaddr  paddr  filesz  memsz  flags:u32  align
 *     section header  @4 type:u32, then @24|16 offset  size (words)
 *     count     = phnum, or if phnum is FFFF: sh_info (u32 at 44|28) of the first section header
 *     word      = u64 | u32
 */
export const ELF_MAGIC = 0x464c457f;
export const CLASS_32 = 1;
export const CLASS_64 = 2;
export const DATA_LITTLE_ENDIAN = 1;
export const DATA_BIG_ENDIAN = 2;
export const ET_CORE = 4;
export const PT_LOAD = 1;
export const PT_NOTE = 4;
export const PN_XNUM = 0xffff;

/** Fields that are at the same offset in both classes. */
export const header = { class: 4, data: 5, version: 6, type: 16, machine: 18, fileVersion: 20 } as const;

/** Offsets and sizes of one class. */
export interface ElfClass {
  readonly bits: 32 | 64;
  readonly headerBytes: number;
  readonly header: Readonly<
    Record<'phoff' | 'shoff' | 'ehsize' | 'phentsize' | 'phnum' | 'shentsize' | 'shnum', number>
  >;
  readonly programHeaderBytes: number;
  readonly programHeader: Readonly<
    Record<'type' | 'flags' | 'offset' | 'vaddr' | 'paddr' | 'filesz' | 'memsz' | 'align', number>
  >;
  readonly sectionHeaderBytes: number;
  readonly sectionHeader: Readonly<Record<'type' | 'offset' | 'size', number>>;
  readonly sectionInfo: number;
}

/** Class and byte order of a file. */
export interface ElfKind {
  readonly elfClass: ElfClass;
  readonly isLittleEndian: boolean;
}

/** Read a word. */
export function wordAt(view: DataView, at: number, { elfClass, isLittleEndian }: ElfKind): bigint {
  return elfClass.bits === 64
    ? view.getBigUint64(at, isLittleEndian)
    : BigInt(view.getUint32(at, isLittleEndian));
}

export const ELF_64: ElfClass = {
  bits: 64,
  headerBytes: 64,
  header: { phoff: 32, shoff: 40, ehsize: 52, phentsize: 54, phnum: 56, shentsize: 58, shnum: 60 },
  programHeaderBytes: 56,
  programHeader: {
    type: 0,
    flags: 4,
    offset: 8,
    vaddr: 16,
    paddr: 24,
    filesz: 32,
    memsz: 40,
    align: 48,
  },
  sectionHeaderBytes: 64,
  sectionHeader: { type: 4, offset: 24, size: 32 },
  sectionInfo: 44,
};

export const ELF_32: ElfClass = {
  bits: 32,
  headerBytes: 52,
  header: { phoff: 28, shoff: 32, ehsize: 40, phentsize: 42, phnum: 44, shentsize: 46, shnum: 48 },
  programHeaderBytes: 32,
  programHeader: {
    type: 0,
    offset: 4,
    vaddr: 8,
    paddr: 12,
    filesz: 16,
    memsz: 20,
    flags: 24,
    align: 28,
  },
  sectionHeaderBytes: 40,
  sectionHeader: { type: 4, offset: 16, size: 20 },
  sectionInfo: 28,
};

/** Names of processors, for reports. */
export const MACHINE_NAMES: Readonly<Record<number, string>> = {
  3: 'x86 (32-bit)',
  8: 'MIPS',
  20: 'PowerPC (32-bit)',
  21: 'PowerPC (64-bit)',
  22: 's390',
  40: 'ARM (32-bit)',
  62: 'x86-64',
  183: 'AArch64',
  243: 'RISC-V',
  258: 'LoongArch',
};
