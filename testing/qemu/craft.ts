// Builders for QEMU migration streams, in which any field can be given a wrong value.
import type { QemuBlock } from '../../src/qemu/format.js';

const RAM_ID = 2;

export function be16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function be32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function be64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

/** A counted string: length:u8 byte… */
export function countedString(name: string): Buffer {
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name, 'latin1')]);
}

export function subsection(name: string, payload: Uint8Array, version = 1): Buffer {
  return Buffer.concat([Buffer.from([5]), countedString(name), be32(version), payload]);
}

/** Magic, version and configuration. */
export function header(machine = 'pc-i440fx-7.2', ...subsections: Uint8Array[]): Buffer {
  const text = Buffer.from(machine);
  return Buffer.concat([
    be32(0x5145564d),
    be32(3),
    Buffer.from([7]),
    be32(text.length),
    text,
    ...subsections,
  ]);
}

export function command(number: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  return Buffer.concat([Buffer.from([8]), be16(number), be16(payload.length), payload]);
}

/** POSTCOPY_ADVISE. */
export function advise(pageSizes: number, targetPageBytes = 4096): Buffer {
  return command(3, Buffer.concat([be64(pageSizes), be64(targetPageBytes)]));
}

/** The header of a SECTION_START. */
export function sectionStart(name = 'ram', version = 4, id = RAM_ID): Buffer {
  return Buffer.concat([Buffer.from([1]), be32(id), countedString(name), be32(0), be32(version)]);
}

/** The total size before a table of blocks, with its flag. */
export function blockTableSize(bytes: number | bigint): Buffer {
  return be64(BigInt(bytes) + 4n);
}

export function entry({ name, bytes, hugePageBytes }: QemuBlock): Buffer {
  return Buffer.concat([
    countedString(name),
    be64(bytes),
    ...(hugePageBytes === undefined ? [] : [be64(hugePageBytes)]),
  ]);
}

/** The header of a page record. Without `block` it has the flag for the block of the previous record. */
export function recordHeader(page: number, flags: number, block?: string): Buffer {
  const value = BigInt(page) * 4096n + BigInt(flags + (block === undefined ? 0x20 : 0));
  return Buffer.concat([be64(value), ...(block === undefined ? [] : [countedString(block)])]);
}

export function pageRecord(page: number, content: Uint8Array, block?: string): Buffer {
  return Buffer.concat([recordHeader(page, 8, block), content]);
}

export function fillRecord(page: number, value: number, block?: string): Buffer {
  return Buffer.concat([recordHeader(page, 2, block), Buffer.from([value])]);
}

export function xbzrleRecord(page: number, changes: Uint8Array, block?: string): Buffer {
  return Buffer.concat([recordHeader(page, 0x40, block), Buffer.from([1]), be16(changes.length), changes]);
}

export function footer(id = RAM_ID): Buffer {
  return Buffer.concat([Buffer.from([0x7e]), be32(id)]);
}

/** The end of a section: RAM_SAVE_FLAG_EOS and the footer. */
function sectionEnd(): Buffer {
  return Buffer.concat([be64(0x10), footer()]);
}

export function start(...blocks: QemuBlock[]): Buffer {
  const bytes = blocks.reduce((sum, block) => sum + block.bytes, 0);
  return Buffer.concat([sectionStart(), blockTableSize(bytes), ...blocks.map(entry), sectionEnd()]);
}

/** A SECTION_PART, or a SECTION_END if `last`. */
export function part(records: readonly Uint8Array[], last = false): Buffer {
  return Buffer.concat([Buffer.from([last ? 3 : 2]), be32(RAM_ID), ...records, sectionEnd()]);
}

/** The first bytes of device state. */
export const DEVICES = Buffer.concat([
  Buffer.from([4]),
  be32(0),
  countedString('timer'),
  be32(0),
  be32(2),
  Buffer.from('any bytes \0\x01\x02'),
]);
