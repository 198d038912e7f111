// Section headers of an ELF core, which tell whether the file is whole: gdb and QEMU write them last.
import { badImage, type FileBytes, readBytes, viewOf } from '../file-bytes.js';
import type { ElfClass } from './layout.js';

const HEADERS_PER_READ = 4096;
const SHT_NULL = 0;
const SHT_NOBITS = 8;

/**
 * Check that the section headers and the bytes of all sections are in the file.
 * @throws PageferryError `bad-image`, `io`
 */
export function checkSections(file: FileBytes, elfClass: ElfClass, isLittleEndian: boolean): void {
  const { header, headerBytes, sectionHeader, sectionHeaderBytes } = elfClass;
  const word = (view: DataView, at: number) =>
    elfClass.bits === 64 ? view.getBigUint64(at, isLittleEndian) : BigInt(view.getUint32(at, isLittleEndian));
  const check = (what: string, offset: bigint, bytes: bigint) => {
    if (offset + bytes > BigInt(file.bytes))
      throw badImage(
        file.path,
        `${what}: ${bytes} bytes at ${offset} end past the file's ${file.bytes}: it is truncated`,
      );
  };
  const first = viewOf(readBytes(file, 0, headerBytes, 'ELF header'));
  const offset = word(first, header.shoff);
  const entryBytes = first.getUint16(header.shentsize, isLittleEndian);
  const count = first.getUint16(header.shnum, isLittleEndian);
  if (offset === 0n || count === 0 || entryBytes !== sectionHeaderBytes) return;
  check('section headers', offset, BigInt(count * entryBytes));
  for (let index = 0; index < count; index += HEADERS_PER_READ) {
    const headers = Math.min(HEADERS_PER_READ, count - index);
    const at = Number(offset) + index * entryBytes;
    const view = viewOf(readBytes(file, at, headers * entryBytes, 'section headers'));
    for (let i = 0; i < headers; i++) {
      const entry = i * entryBytes;
      const type = view.getUint32(entry + sectionHeader.type, isLittleEndian);
      if (type === SHT_NULL || type === SHT_NOBITS) continue;
      const [from, bytes] = [sectionHeader.offset, sectionHeader.size].map((field) =>
        word(view, entry + field),
      );
      check(`section ${index + i}`, from!, bytes!);
    }
  }
}
