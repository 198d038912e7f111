// Where a saved x86 guest has its RAM. QEMU places the first part at 0 and the rest at 4 GiB; where it
// divides them depends on the machine's type, its version and an option. A migration does not state it, but
// the memory of the real-time clock (CMOS), which is part of the device state, has the sizes of both parts:
//
//     section  = 04 | id u32 | 11 "mc146818rtc" | instance u32 = 0 | version u32 | CMOS 128 bytes
//     CMOS     = … 34, 35: 64 KiB units from 16 MiB on, below 4 GiB | 5B … 5D: 64 KiB units above 4 GiB
//                (addresses hexadecimal, little-endian)
import type { MemoryRange } from '../container/range-table.js';
import type { FileBytes } from '../file-bytes.js';
import { FOUR_GIB, highRamAt } from './acpi-tables.js';

const X86_MACHINE = /^(pc-|microvm$)/;
/** Number of x86-64 in ELF. */
export const EM_X86_64 = 62;
const NAME = Buffer.from('\x0bmc146818rtc\0\0\0\0', 'latin1');
const SECTION_FULL = 4;
/** Type and id before the name, version after it. */
const BEFORE = 5;
const VERSION_BYTES = 4;
const MAX_VERSION = 3;
const CMOS_BYTES = 128;
const UNIT = 1 << 16;
const FIRST_UNIT = 16 << 20;
/** Device state has some MiB at most; more is not searched. */
const MAX_SEARCH_BYTES = 256 << 20;
const PIECE_BYTES = 1 << 20;

/** What is known of a saved guest. */
export interface SavedGuest {
  /** The machine's name, such as "pc-q35-7.2". */
  readonly machine: string;
  /** The blocks of RAM in the image, without those of devices. */
  readonly blocks: readonly { readonly bytes: number }[];
  /** Where the device state begins in the file. */
  readonly devicesAt: number;
  /** Content of the block of ACPI tables; absent or empty if the guest has none. */
  readonly acpiTables?: Uint8Array;
}

const NO_TABLES = new Uint8Array(0);

/**
 * Return the physical addresses of a guest's RAM in the image's order. Empty if they are not certain: another
 * processor than x86, several blocks (NUMA, hot-plugged memory), no clock, sizes that do not add up, or
 * RAM that may be at 1 TiB (acpi-tables.ts).
 * @throws PageferryError `io`
 */
export function physicalRanges(
  file: Pick<FileBytes, 'bytes' | 'readSync'>,
  { machine, blocks, devicesAt, acpiTables = NO_TABLES }: SavedGuest,
): readonly MemoryRange[] {
  const [ram] = blocks;
  if (!X86_MACHINE.test(machine) || blocks.length !== 1) return [];
  const cmos = findCmos(file, devicesAt);
  const low = cmos && lowBytes(cmos, ram!.bytes);
  if (low === undefined) return [];
  const high = ram!.bytes - low;
  const ranges = [{ address: 0n, bytes: low }];
  if (high === 0) return ranges;
  const highAt = highRamAt(acpiTables, high, machine);
  return highAt === undefined ? [] : [...ranges, { address: BigInt(highAt), bytes: high }];
}

/** Bytes of RAM below 4 GiB; undefined if what the clock states is not the size of the RAM. */
function lowBytes(cmos: Uint8Array, bytes: number): number | undefined {
  const unitsBelow = cmos[0x34]! | (cmos[0x35]! << 8);
  const unitsAbove = cmos[0x5b]! | (cmos[0x5c]! << 8) | (cmos[0x5d]! << 16);
  const low = unitsAbove === 0 ? bytes : FIRST_UNIT + unitsBelow * UNIT;
  const isBelow = Math.max(0, Math.floor((low - FIRST_UNIT) / UNIT)) === unitsBelow;
  const isAbove = Math.floor((bytes - low) / UNIT) === unitsAbove;
  return low <= bytes && low <= FOUR_GIB && isBelow && isAbove ? low : undefined;
}

/** The clock's memory, if the device state has exactly one clock. */
function findCmos(file: Pick<FileBytes, 'bytes' | 'readSync'>, devicesAt: number): Uint8Array | undefined {
  const sectionBytes = BEFORE + NAME.length + VERSION_BYTES + CMOS_BYTES;
  const end = Math.min(file.bytes, devicesAt + MAX_SEARCH_BYTES);
  const piece = Buffer.alloc(PIECE_BYTES);
  let found: Uint8Array | undefined;
  for (let at = devicesAt; at + sectionBytes <= end; at += PIECE_BYTES - sectionBytes + 1) {
    const bytes = piece.subarray(0, file.readSync(piece.subarray(0, Math.min(PIECE_BYTES, end - at)), at));
    for (let from = BEFORE; ; from++) {
      from = bytes.indexOf(NAME, from);
      const cmosAt = from + NAME.length + VERSION_BYTES;
      if (from < 0 || cmosAt + CMOS_BYTES > bytes.length) break;
      const version = bytes.readUInt32BE(cmosAt - VERSION_BYTES);
      if (bytes[from - BEFORE] !== SECTION_FULL || version > MAX_VERSION) continue;
      if (found) return undefined;
      found = Uint8Array.from(bytes.subarray(cmosAt, cmosAt + CMOS_BYTES));
    }
  }
  return found;
}
