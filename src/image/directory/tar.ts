// The archive that a directory of files is packed as: POSIX.1-2017 pax ("ustar" headers), without
// directories. Content that is to be aligned has a pax header before its own, whose comment has the right
// length.
import { PageferryError } from '../../page/error.js';
import type { FileBytes } from '../file-bytes.js';

const BLOCK = 512;
/** Two blocks of zeros. */
export const END_BYTES = 2 * BLOCK;
/** Content of aligned files begins at multiples of this. */
const ALIGNED_BYTES = 4096;
const NAME_BYTES = 100;
/** The size in a header has eleven octal digits. */
const MAX_HEADER_BYTES = 8 ** 11 - 1;
const MAX_MEMBERS = 1 << 16;
const MAX_PAX_BYTES = 8192;
const MAGIC = 'ustar\x0000';
const PAX_NAME = 'pax';

/** A file of a directory, or its symbolic link. */
export interface Member {
  readonly name: string;
  readonly bytes: number;
  /** Target of the link; undefined for a file. */
  readonly target?: string;
}

/** A file and where its content is in the archive. */
export interface PlacedMember extends Member {
  readonly offset: number;
}

/** Whether the archive can have the member's name and target. */
export function fitsArchive({ name, target = '' }: Member): boolean {
  return Buffer.byteLength(name) <= NAME_BYTES && Buffer.byteLength(target) <= NAME_BYTES;
}

/** The bytes between the end of the member before, at `at`, and the content of this one. */
export function archiveHead(member: Member, at: number, isAligned: boolean): Uint8Array {
  const isLarge = member.bytes > MAX_HEADER_BYTES;
  if (!isAligned && !isLarge) return header(member.name, member.bytes, member.target);
  let paxBytes = BLOCK;
  while ((at + BLOCK + paxBytes + BLOCK) % ALIGNED_BYTES !== 0) paxBytes += BLOCK;
  const size = isLarge ? record('size', String(member.bytes)) : '';
  const pax = `${size}${comment(paxBytes - size.length)}`;
  return Buffer.concat([
    header(PAX_NAME, paxBytes, undefined, 'x'),
    Buffer.from(pax, 'latin1'),
    header(member.name, isLarge ? 0 : member.bytes, member.target),
  ]);
}

/** Bytes that fill the last block of a content. */
export function paddingAfter(bytes: number): number {
  return (BLOCK - (bytes % BLOCK)) % BLOCK;
}

/**
 * Read the members of an archive that `archiveHead` has made. No two have the same name, and none has a name
 * that refers to another directory. @throws PageferryError `bad-stream`
 */
export function readMembers(archive: FileBytes): PlacedMember[] {
  const archiveBytes = archive.bytes;
  const bad = (problem: string) =>
    new PageferryError('bad-stream', `container of "${archive.path}": archive of a directory: ${problem}`);
  const read = (offset: number, bytes: number) => {
    const into = new Uint8Array(bytes);
    archive.readSync(into, offset);
    return into;
  };
  const members = new Map<string, PlacedMember>();
  let at = 0;
  let size: number | undefined;
  for (;;) {
    if (at + END_BYTES > archiveBytes) throw bad(`ends at ${archiveBytes} without its last blocks`);
    const block = read(at, BLOCK);
    if (block.every((byte) => byte === 0)) break;
    const head = parseHeader(block);
    if (!head) throw bad(`no header at ${at}`);
    const bytes = size ?? head.bytes;
    const offset = at + BLOCK;
    if (!(offset + bytes <= archiveBytes)) throw bad(`${head.name}: ${bytes} bytes at ${offset} end past it`);
    at = offset + bytes + paddingAfter(bytes);
    if (head.type === 'x') {
      if (bytes > MAX_PAX_BYTES) throw bad(`a pax header of ${bytes} bytes`);
      size = paxSize(read(offset, bytes));
      continue;
    }
    size = undefined;
    if (!isPlainName(head.name))
      throw bad(`the name ${JSON.stringify(head.name)} is not that of a file in it`);
    if (members.has(head.name)) throw bad(`the name ${head.name} twice`);
    if (members.size === MAX_MEMBERS) throw bad(`more than ${MAX_MEMBERS} files`);
    const link = head.type === '2' ? { target: head.target } : {};
    members.set(head.name, { name: head.name, bytes, offset, ...link });
  }
  return [...members.values()];
}

/** Whether a name is that of something in a directory. */
export function isPlainName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name);
}

function header(name: string, bytes: number, target = '', type = target ? '2' : '0'): Buffer {
  const block = Buffer.alloc(BLOCK);
  const put = (at: number, text: string) => block.write(text, at, 'utf8');
  put(0, name);
  put(100, '0000600\0');
  put(108, '0000000\0');
  put(116, '0000000\0');
  put(124, `${bytes.toString(8).padStart(11, '0')}\0`);
  put(136, `${'0'.repeat(11)}\0`);
  put(148, ' '.repeat(8));
  put(156, type);
  put(157, target);
  put(257, MAGIC);
  put(148, `${checksum(block).toString(8).padStart(6, '0')}\0 `);
  return block;
}

/** Sum of the bytes of a header whose own field is spaces. */
function checksum(block: Uint8Array): number {
  return block.reduce((sum, byte) => sum + byte, 0);
}

interface Header {
  readonly name: string;
  readonly bytes: number;
  readonly type: string;
  readonly target: string;
}

/** Undefined for what is no header of this archive. */
function parseHeader(bytes: Uint8Array): Header | undefined {
  const block = Buffer.from(bytes);
  const text = (from: number, to: number) => {
    const end = block.indexOf(0, from);
    return block.toString('utf8', from, end < 0 || end > to ? to : end);
  };
  const stated = Number.parseInt(text(148, 156), 8);
  block.fill(' ', 148, 156);
  const size = text(124, 136);
  const type = String.fromCharCode(block[156]!);
  const isHeader =
    checksum(block) === stated && block.toString('latin1', 257, 265) === MAGIC && /^[0-7]{11}$/.test(size);
  if (!isHeader || !'02x'.includes(type)) return undefined;
  return { name: text(0, NAME_BYTES), bytes: Number.parseInt(size, 8), type, target: text(157, 257) };
}

/** A record of a pax header: "19 size=8589934592\n". */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return `${length}${rest}`;
}

/** A comment whose record has `bytes` bytes. */
function comment(bytes: number): string {
  const empty = `${bytes} comment=\n`;
  return `${bytes} comment=${' '.repeat(bytes - empty.length)}\n`;
}

/** The size in the records of a pax header. */
function paxSize(bytes: Uint8Array): number | undefined {
  const size = /(?:^|\n)\d+ size=(\d{1,16})\n/.exec(Buffer.from(bytes).toString('latin1'))?.[1];
  return size === undefined ? undefined : Number(size);
}
