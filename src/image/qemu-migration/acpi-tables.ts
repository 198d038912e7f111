// Where QEMU has the RAM above 4 GiB, by the ACPI tables that it makes for the firmware. They are a block of
// the stream. On AMD processors, memory that could reach the range that HyperTransport reserves below 1 TiB
// is moved behind it (machine types from 7.1 on). That depends on maxmem and the processor, which the stream
// does not state, but a guest with maxmem has a table of its memory:
//
//     SRAT      = "SRAT" | bytes u32 | … (48 bytes) { structure }               little-endian
//     structure = type u8 | bytes u8 | …; type 1, of 40 bytes: memory
//     memory    = … | base u64 at 8 | bytes u64 at 16 | … | flags u32 at 28: 1 enabled, 2 hot-pluggable
import { viewOf } from '../file-bytes.js';

/** Name of the block of ACPI tables. */
export const ACPI_TABLES = '/rom@etc/acpi/tables';
/** QEMU refuses larger tables. */
export const MAX_TABLE_BYTES = 2 << 20;

export const FOUR_GIB = 2 ** 32;
const TIB = 2 ** 40;
/** Without a table, RAM that ends above this could be moved: the range begins at 1012 GiB. */
const MAX_CERTAIN_END = 960 * 2 ** 30;
const SIGNATURE = Buffer.from('SRAT', 'latin1');
const HEADER_BYTES = 48;
const MEMORY = 1;
const MEMORY_BYTES = 40;
const ENABLED = 1;
const HOT_PLUGGABLE = 2;

/** Return the address of the RAM above 4 GiB, which has `bytes` bytes; undefined if it is not certain. */
export function highRamAt(tables: Uint8Array, bytes: number): number | undefined {
  const stated = statedBase(tables);
  if (stated !== undefined) return stated === FOUR_GIB || stated === TIB ? stated : undefined;
  return FOUR_GIB + bytes <= MAX_CERTAIN_END ? FOUR_GIB : undefined;
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
      if (isFixed && base >= FOUR_GIB && base < (lowest ?? Number.POSITIVE_INFINITY)) lowest = base;
    }
    at += bytes;
  }
  return at === end ? lowest : undefined;
}
