import fs from 'node:fs';
import { join } from 'node:path';
import { PageferryError } from '../../page/error.js';
import { checkComplete, extentIndex } from '../extents.js';
import { ioError } from '../fs/errno.js';
import { openReadHandle, type ReadHandle } from '../fs/read-handle.js';
import type { DirectoryFormat } from './directory-format.js';
import { archiveHead, END_BYTES, fitsArchive, type Member, type PlacedMember, paddingAfter } from './tar.js';

/** A directory as one file: the archive of tar.ts, which is computed while it is read. */
export interface DirectoryArchive {
  /** Path of the directory. */
  readonly name: string;
  readonly bytes: number;
  /** By name. */
  readonly members: readonly PlacedMember[];
  /** Fill `into` from `position` on; returns fewer bytes only at the end. @throws PageferryError `io` */
  readSync(into: Uint8Array, position: number): number;
  close(): void;
}

interface Piece {
  readonly position: number;
  readonly memory?: Uint8Array;
  readonly file?: ReadHandle;
}

/**
 * Open a directory of files and the links of its format; hidden files are part of it. The files have the
 * sizes that they had when it was opened.
 * @throws PageferryError `io`, `unsupported` for a directory that has anything else
 */
export function openDirectoryArchive(
  path: string,
  { isAligned, links }: Pick<DirectoryFormat, 'isAligned' | 'links'>,
): DirectoryArchive {
  const pieces: Piece[] = [];
  const members: PlacedMember[] = [];
  const files: ReadHandle[] = [];
  const close = () => {
    for (const file of files) file.close();
  };
  let at = 0;
  const add = (bytes: number, piece: Omit<Piece, 'position'>) => {
    if (bytes > 0) pieces.push({ position: at, ...piece });
    at += bytes;
  };
  try {
    for (const member of listMembers(path, links)) {
      const head = archiveHead(member, at, isAligned(member.name));
      add(head.length, { memory: head });
      members.push({ ...member, offset: at });
      if (member.bytes > 0) {
        const file = openReadHandle(join(path, member.name));
        files.push(file);
        add(member.bytes, { file });
      }
      const padding = paddingAfter(member.bytes);
      add(padding, { memory: new Uint8Array(padding) });
    }
  } catch (cause) {
    close();
    throw cause;
  }
  add(END_BYTES, { memory: new Uint8Array(END_BYTES) });
  return {
    name: path,
    bytes: at,
    members,
    readSync: (into, from) => readPieces(pieces, at, into, from),
    close,
  };
}

function readPieces(pieces: readonly Piece[], bytes: number, into: Uint8Array, position: number): number {
  const wanted = Math.max(0, Math.min(into.length, bytes - position));
  for (let done = 0; done < wanted; ) {
    const index = extentIndex(pieces, position + done);
    const { position: start, memory, file } = pieces[index]!;
    const from = position + done - start;
    const end = (pieces[index + 1]?.position ?? bytes) - start;
    const part = into.subarray(done, Math.min(wanted, done + end - from));
    if (memory) part.set(memory.subarray(from, from + part.length));
    else checkComplete(file!.name, file!.readSync(part, from), part.length, from);
    done += part.length;
  }
  return wanted;
}

function listMembers(path: string, links: readonly string[]): Member[] {
  let entries: Buffer[];
  try {
    entries = fs.readdirSync(path, { encoding: 'buffer' });
  } catch (cause) {
    throw ioError(path, 'cannot read the directory', cause);
  }
  return entries
    .sort(Buffer.compare)
    .map((entry) => memberOf(path, entry, links))
    .filter((member) => member !== undefined);
}

/** Undefined for a file that was removed meanwhile. */
function memberOf(path: string, entry: Buffer, links: readonly string[]): Member | undefined {
  const name = entry.toString('utf8');
  const refuse = (problem: string) =>
    new PageferryError('unsupported', `${path}: ${problem}; move it elsewhere, or name another directory`);
  if (!Buffer.from(name).equals(entry)) throw refuse(`has a file whose name is not UTF-8 (${name})`);
  const full = join(path, name);
  const stat = fs.lstatSync(full, { throwIfNoEntry: false });
  if (!stat) return undefined;
  const isLink = stat.isSymbolicLink() && links.includes(name);
  if (!isLink && !stat.isFile()) throw refuse(`has ${name}, which is not a file`);
  const member = isLink ? { name, bytes: 0, target: fs.readlinkSync(full) } : { name, bytes: stat.size };
  if (!fitsArchive(member)) throw refuse(`has a file whose name is longer than 100 bytes (${name})`);
  return member;
}
