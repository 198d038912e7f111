// Notes of an ELF core: registers, the auxiliary vector, VMCOREINFO.
//
//     note      = name bytes:u32  content bytes:u32  type:u32  name 00 …  content …
//                 name and content are padded to 4 bytes each
import type { NoteDetails } from '../image-details.js';
import type { ImageFile } from '../image-file.js';
import type { CoreHeaders } from './program-headers.js';

const HEAD_BYTES = 12;
/** A process of 4096 threads has some 12 MiB of registers. */
const MAX_NOTE_BYTES = 16 << 20;
const MAX_NAME_BYTES = 64;

/** List the notes by name and type. What is damaged or past 16 MiB is left out. */
export function readNotes(file: ImageFile, { notes, isLittleEndian }: CoreHeaders): NoteDetails[] {
  const found = new Map<string, NoteDetails>();
  let left = MAX_NOTE_BYTES;
  for (const { offset, filesz } of notes) {
    if (offset >= BigInt(file.bytes)) continue;
    const segment = new Uint8Array(Math.min(left, Number(filesz), file.bytes - Number(offset)));
    left -= segment.length;
    const bytes = segment.subarray(0, file.handle.readSync(segment, Number(offset)));
    for (const note of notesIn(bytes, isLittleEndian)) {
      const key = `${note.type} ${note.name}`;
      const { count = 0, bytes: before = 0 } = found.get(key) ?? {};
      found.set(key, { ...note, count: count + 1, bytes: before + note.bytes });
    }
  }
  return [...found.values()];
}

function* notesIn(segment: Uint8Array, isLittleEndian: boolean) {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.length);
  for (let at = 0; at + HEAD_BYTES <= segment.length; ) {
    const nameBytes = view.getUint32(at, isLittleEndian);
    const bytes = view.getUint32(at + 4, isLittleEndian);
    const type = view.getUint32(at + 8, isLittleEndian);
    const end = at + HEAD_BYTES + padded(nameBytes) + padded(bytes);
    // The last content of a segment may lack its padding.
    if (nameBytes > MAX_NAME_BYTES || end > segment.length + 3) return;
    const name = new TextDecoder('latin1').decode(segment.subarray(at + HEAD_BYTES).subarray(0, nameBytes));
    yield { name: name.replace(/\0+$/, ''), type, bytes };
    at = end;
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
