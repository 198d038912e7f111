// Section headers of an ELF core, which tell whether the file is whole: gdb and QEMU write them last.
import { checkInFile, type FileBytes, readBytes, viewOf } from '../file-bytes.js';
import { type ElfKind, wordAt } from './layout.js';

const HEADERS_PER_READ = 4096;
const SHT_NULL = 0;
const SHT_NOBITS = 8;

/**
 * Check that the section headers and the bytes of all sections are in the file, whose ELF header is `first`.
 * @throws PageferryError `bad-image`, `io`
 */
export function checkSections(file: FileBytes, kind: ElfKind, first: DataView): void {
  const { elfClass, isLittleEndian } = kind;
  const { header, sectionHeader, sectionHeaderBytes } = elfClass;
  const offset = wordAt(first, header.shoff, kind);
  const entryBytes = first.getUint16(header.shentsize, isLittleEndian);
  const count = first.getUint16(header.shnum, isLittleEndian);
  if (offset === 0n || count === 0 || entryBytes !== sectionHeaderBytes) return;
  checkInFile(file, offset, BigInt(count * entryBytes), 'section headers');
  for (let index = 0; index < count; index += HEADERS_PER_READ) {
    const headers = Math.min(HEADERS_PER_READ, count - index);
    const at = Number(offset) + index * entryBytes;
    const view = viewOf(readBytes(file, at, headers * entryBytes, 'section headers'));
    for (let i = 0; i < headers; i++) {
      const entry = i * entryBytes;
      const type = view.getUint32(entry + sectionHeader.type, isLittleEndian);
      if (type === SHT_NULL || type === SHT_NOBITS) continue;
      const from = wordAt(view, entry + sectionHeader.offset, kind);
      checkInFile(file, from, wordAt(view, entry + sectionHeader.size, kind), `section ${index + i}`);
    }
  }
}
