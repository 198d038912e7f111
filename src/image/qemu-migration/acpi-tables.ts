// Where QEMU has the RAM above 4 GiB, by the ACPI tables that it makes for the firmware. They are a block of
// the stream. On AMD processors, memory that could reach the range that HyperTransport reserves below 1 TiB
// is moved behind it (machine types from 7.1 on). That depends on maxmem, the processor and the size of the
// window for PCI, which the stream does not state, but a guest with maxmem has a table of its memory, and
// every guest describes the window, which begins after the RAM:
//
//     SRAT      = "SRAT" | bytes u32 | … (48 bytes) { structure }               little-endian
//     structure = type u8 | bytes u8 | …; type 1, of 40 bytes: memory
//     memory    = … | base u64 at 8 | bytes u64 at 16 | … | flags u32 at 28: 1 enabled, 2 hot-pluggable
//     window    = 8A | 2B 00 | 00 | flags u16 | 0 u64 | first u64 | last u64 | 0 u64 | bytes u64
//                 (in the DSDT: QWord Memory of ACPI's resources)
import { viewOf } from '../file-bytes.js';

/** Name of the block of ACPI tables. */
export const ACPI_TABLES = '/rom@etc/acpi/tables';
/** QEMU refuses larger tables. */
export const MAX_TABLE_BYTES = 2 << 20;

export const FOUR_GIB = 2 ** 32;
const TIB = 2 ** 40;
/** Where the range that HyperTransport reserves begins. */
const RESERVED_AT = 1012 * 2 ** 30;
const WINDOW = Buffer.from([0x8a, 0x2b, 0, 0]);
const WINDOW_BYTES = 46;
/** Machine types that never move RAM: microvm, and PCs up to 7.0. */
const NEVER_MOVED = /^microvm$|^pc-(?:q35|i440fx)-(?:[0-6]\.\d+(?:\.\d+)?|7\.0)$|^pc-[01]\.\d+$/;
const SIGNATURE = Buffer.from('SRAT', 'latin1');
const HEADER_BYTES = 48;
const MEMORY = 1;
const MEMORY_BYTES = 40;
const ENABLED = 1;
const HOT_PLUGGABLE = 2;

/**
 * Return the address of the RAM above 4 GiB, which has `bytes` bytes, of a guest with a type of machine;
 * undefined if it is not certain.
 */
export function highRamAt(tables: Uint8Array, bytes: number, machine: string): number | undefined {
  if (NEVER_MOVED.test(machine)) return FOUR_GIB;
  const stated = statedBase(tables);
  if (stated !== undefined) return stated === FOUR_GIB || stated === TIB ? stated : undefined;
  const window = lowestWindow(tables);
  const isBelow = window !== undefined && window >= FOUR_GIB + bytes && window < RESERVED_AT;
  return isBelow ? FOUR_GIB : undefined;
}

/** Where the lowest window above 4 GiB begins. Firmware may have chosen it, but not before the RAM's end. */
function lowestWindow(tables: Uint8Array): number | undefined {
  const text = Buffer.from(tables.buffer, tables.byteOffset, tables.length);
  let lowest: number | undefined;
  for (let at = text.indexOf(WINDOW); at >= 0; at = text.indexOf(WINDOW, at + 1)) {
    if (at + WINDOW_BYTES > text.length) break;
    const [zero, first, last, offset, size] = [6, 14, 22, 30, 38].map((field) =>
      Number(text.readBigUInt64LE(at + field)),
    );
    const isWindow = zero === 0 && offset === 0 && first! >= FOUR_GIB && last! - first! + 1 === size;
    if (isWindow && first! < (lowest ?? Infinity)) lowest = first!;
  }
  return lowest;
}

/** The lowest address from 4 GiB on that a table of memory states; undefined without such a table. */
function statedBase(tables: Uint8Array): number | undefined {
  const text = Buffer.from(tables.buffer, tables.byteOffset, tables.length);
  for (let at = text.indexOf(SIGNATURE); at >= 0; at = text.indexOf(SIGNATURE, at + 1)) {
    const base = baseIn(tables.subarray(at));
    if (base !== undefined) return base;
  }
  return undefined;
}

/** Undefined for what is no table of memory, or one without memory above 4 GiB. */
function baseIn(table: Uint8Array): number | undefined {
  const view = viewOf(table);
  if (table.length < HEADER_BYTES) return undefined;
  const end = view.getUint32(4, true);
  if (end < HEADER_BYTES || end > table.length) return undefined;
  let lowest: number | undefined;
  let at = HEADER_BYTES;
  while (at + 2 <= end) {
    const [type, bytes] = [view.getUint8(at), view.getUint8(at + 1)];
    if (bytes < 2) return undefined;
    if (type === MEMORY && bytes === MEMORY_BYTES && at + bytes <= end) {
      const base = Number(view.getBigUint64(at + 8, true));
      const isFixed = (view.getUint32(at + 28, true) & (ENABLED | HOT_PLUGGABLE)) === ENABLED;
      if (isFixed && base >= FOUR_GIB && base < (lowest ?? Infinity)) lowest = base;
    }
    at += bytes;
  }
  return at === end ? lowest : undefined;
}
