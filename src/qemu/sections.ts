// Heads, footers and commands of a migration stream. Each function parses one item at bytes[at, end).
import {
  COMMANDS,
  latin1,
  MULTIFD_MAGIC,
  QEMU_MAGIC,
  QEMU_VERSION,
  RAM_NAME,
  RAM_VERSION,
  sectionType,
  u32,
} from './format.js';

/**
 * Result of parsing one item: the bytes that it consumed; the bytes that are needed to parse it (more than
 * there are); the end of a list, at an item of another kind; or the reason why it cannot be parsed.
 */
export type ParseResult =
  | { readonly consumed: number }
  | { readonly needed: number }
  | { readonly ended: true }
  | { readonly reason: string };

const SECTION_HEAD_BYTES = 5;
/** First bytes of a resumed migration: command RECV_BITMAP, without a magic number. */
const RESUME_HEAD = (sectionType.command << 16) | COMMANDS.indexOf('RECV_BITMAP');

/** Parse the magic number and the version. */
export function parseMagic(bytes: Uint8Array, at: number, end: number): ParseResult {
  if (end - at < 4) return { needed: 4 };
  const magic = u32(bytes, at);
  if (magic === MULTIFD_MAGIC) return { reason: 'a multifd channel' };
  if (magic >>> 8 === RESUME_HEAD) return { reason: 'QEMU resumes a migration that was in post-copy' };
  if (magic !== QEMU_MAGIC)
    return { reason: `the first bytes are 0x${magic.toString(16).padStart(8, '0')}, not "QEVM"` };
  if (end - at < 8) return { needed: 8 };
  const version = u32(bytes, at + 4);
  return version === QEMU_VERSION ? { consumed: 8 } : { reason: `stream version ${version}` };
}

/** Parse the head of SECTION_START, which must be RAM's. Its section number is the u32 at byte 1. */
export function parseSectionStart(bytes: Uint8Array, at: number, end: number): ParseResult {
  if (end - at < 6) return { needed: 6 };
  const head = 6 + bytes[at + 5]! + 8;
  if (end - at < head) return { needed: head };
  const name = latin1(bytes, at + 6, at + head - 8);
  if (name !== RAM_NAME) return { reason: `another live section, "${name}"` };
  const [instance, version] = [u32(bytes, at + head - 8), u32(bytes, at + head - 4)];
  return instance === 0 && version === RAM_VERSION
    ? { consumed: head }
    : { reason: `RAM of instance ${instance}, version ${version}` };
}

/** Parse the head of SECTION_PART or SECTION_END, which must be of section `ramId`. */
export function parseSectionPart(bytes: Uint8Array, at: number, end: number, ramId: number): ParseResult {
  if (end - at < SECTION_HEAD_BYTES) return { needed: SECTION_HEAD_BYTES };
  const id = u32(bytes, at + 1);
  return id === ramId
    ? { consumed: SECTION_HEAD_BYTES }
    : { reason: `a part of section ${id}, which was not started` };
}

/** Parse a section's footer, which must be of section `ramId`. */
export function parseFooter(bytes: Uint8Array, at: number, end: number, ramId: number): ParseResult {
  if (bytes[at] !== sectionType.footer)
    return { reason: `0x${bytes[at]!.toString(16)} instead of a section footer` };
  if (end - at < SECTION_HEAD_BYTES) return { needed: SECTION_HEAD_BYTES };
  const id = u32(bytes, at + 1);
  return id === ramId
    ? { consumed: SECTION_HEAD_BYTES }
    : { reason: `the footer of section ${id} after section ${ramId}` };
}
