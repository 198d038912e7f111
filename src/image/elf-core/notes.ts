// Notes of an ELF core: registers, the auxiliary vector, VMCOREINFO.
//
//     note      = name bytes:u32  content bytes:u32  type:u32  name 00 …  content …
//                 name and content are padded to 4 bytes each
import type { FileBytes } from '../file-bytes.js';
import type { NoteDetails } from '../image-details.js';
import type { CoreHeaders } from './program-headers.js';

const HEAD_BYTES = 12;
/** A process of 4096 threads has some 12 MiB of registers. */
const MAX_NOTE_BYTES = 16 << 20;
const MAX_NAME_BYTES = 64;

/** List the notes by name and type. What is damaged or past 16 MiB is left out. */
export function readNotes(file: FileBytes, headers: CoreHeaders): NoteDetails[] {
  const found = new Map<string, NoteDetails>();
  for (const segment of readNoteSegments(file, headers))
    for (const { name, type, content } of notesIn(segment, headers.isLittleEndian)) {
      const key = `${type} ${name}`;
      const { count = 0, bytes = 0 } = found.get(key) ?? {};
      found.set(key, { name, type, count: count + 1, bytes: bytes + content.length });
    }
  return [...found.values()];
}

/** Read the segments of notes, up to 16 MiB of them. */
export function readNoteSegments(file: FileBytes, { notes }: CoreHeaders): Uint8Array[] {
  let left = MAX_NOTE_BYTES;
  const segments: Uint8Array[] = [];
  for (const { offset, filesz } of notes) {
    if (left === 0) break;
    if (filesz === 0n || offset >= BigInt(file.bytes)) continue;
    const segment = new Uint8Array(Math.min(left, Number(filesz), file.bytes - Number(offset)));
    left -= segment.length;
    segments.push(segment.subarray(0, file.readSync(segment, Number(offset))));
  }
  return segments;
}

/** A note; `offset` is that of its content in the segment. */
interface Note {
  readonly name: string;
  readonly type: number;
  readonly content: Uint8Array;
  readonly offset: number;
}

/** The notes of a segment, up to the first damaged one. */
export function* notesIn(segment: Uint8Array, isLittleEndian: boolean): Generator<Note> {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.length);
  for (let at = 0; at + HEAD_BYTES <= segment.length; ) {
    const nameBytes = view.getUint32(at, isLittleEndian);
    const bytes = view.getUint32(at + 4, isLittleEndian);
    const type = view.getUint32(at + 8, isLittleEndian);
    const end = at + HEAD_BYTES + padded(nameBytes) + padded(bytes);
    // The last content of a segment may lack its padding.
    if (nameBytes > MAX_NAME_BYTES || end > segment.length + 3) return;
    const name = new TextDecoder('latin1').decode(segment.subarray(at + HEAD_BYTES).subarray(0, nameBytes));
    const offset = at + HEAD_BYTES + padded(nameBytes);
    const content = segment.subarray(offset, offset + bytes);
    yield { name: name.replace(/\0+$/, ''), type, content, offset };
    at = end;
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
