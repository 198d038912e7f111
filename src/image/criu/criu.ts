// A directory of CRIU's images (criu.org, images of version 1.1): page maps, pages, and the processes' state.
import { join } from 'node:path';
import type { AddressedRange } from '../addressed-range.js';
import { createContainerSource } from '../container/container-source.js';
import { RangeTable } from '../container/range-table.js';
import { RunTable } from '../container/run-table.js';
import { createDecodedSource, type DecodedPages } from '../decoded-source.js';
import { type DirectoryArchive, openDirectoryArchive } from '../directory/directory-archive.js';
import type { DirectoryFormat } from '../directory/directory-format.js';
import { checkComplete } from '../extents.js';
import { badImage } from '../file-bytes.js';
import { openReadHandle, type ReadHandle } from '../fs/read-handle.js';
import type { ImageDetails } from '../image-details.js';
import type { FileSource } from '../image-file.js';
import { type DumpedMemory, hasPagemaps, PAGES_NAME, PARENT_LINK, readDump } from './dump.js';
import type { StoredParts } from './stored-parts.js';

/** The format of CRIU's image directories of `openImage`. */
export const criu: DirectoryFormat = {
  name: 'criu',
  summary: 'directory of images of CRIU: criu dump, pre-dump; podman checkpoint',
  isAligned: (fileName) => PAGES_NAME.test(fileName),
  links: [PARENT_LINK],
  detect: hasPagemaps,
  open,
  inspect,
};

function open(path: string): FileSource {
  const dump = readDump(path);
  const { parts } = dump;
  const archive = openDirectoryArchive(path, criu);
  const files: ReadHandle[] = [];
  const close = () => {
    archive.close();
    for (const file of files) file.close();
  };
  try {
    for (const file of parts.files) files.push(openReadHandle(file.path));
    return {
      ...createDecodedSource({ name: path, close }, createPages(parts, files)),
      addressed: () => addressedRanges(dump),
      get container() {
        return createContainerSource(archive, {
          format: criu.name,
          fileBytes: archive.bytes,
          imageBytes: parts.bytes,
          runs: runsOf(path, parts, archive),
          ranges: rangesOf(dump),
          isDerived: parts.files.some(({ isOwn }) => !isOwn),
          addressing: 'virtual',
        });
      },
    };
  } catch (cause) {
    close();
    throw cause;
  }
}

function createPages(parts: StoredParts, files: readonly ReadHandle[]): DecodedPages {
  return {
    bytes: parts.bytes,
    zeroBytesAt: () => 0,
    read(into, position) {
      for (let done = 0; done < into.length; ) {
        const at = position + done;
        const i = parts.indexAt(at);
        const piece = into.subarray(done, Math.min(into.length, done + parts.end(i) - at));
        const file = files[parts.fileOf(i)]!;
        const offset = parts.offset(i) + at - parts.position(i);
        checkComplete(file.name, file.readSync(piece, offset), piece.length, offset);
        done += piece.length;
      }
    },
  };
}

/** Positions of memory in the archive. */
function runsOf(path: string, parts: StoredParts, archive: DirectoryArchive): RunTable {
  const members = new Map(archive.members.map((member) => [join(path, member.name), member]));
  const placed = parts.files.map((file) => members.get(file.path));
  const runs = new RunTable(parts.length);
  for (let i = 0; i < parts.length; i++) {
    if (!parts.isOwn(i)) continue;
    const member = placed[parts.fileOf(i)];
    const bytes = parts.end(i) - parts.position(i);
    const offset = parts.offset(i);
    if (!member || offset + bytes > member.bytes)
      throw badImage(parts.files[parts.fileOf(i)]!.path, 'was truncated while it was opened');
    runs.append(member.offset + offset, bytes, parts.position(i));
  }
  runs.sortByOffset();
  return runs;
}

/** The addresses of one process; several processes have the same ones. */
function rangesOf({ maps, parts }: DumpedMemory): RangeTable {
  const ranges = new RangeTable(maps.length === 1 ? parts.length : 0);
  if (maps.length !== 1) return ranges;
  for (let i = 0; i < parts.length; i++)
    ranges.append(BigInt(parts.address(i)), parts.end(i) - parts.position(i));
  return ranges;
}

/** All processes, each with its own addresses: the name of the page map has its number. */
function* addressedRanges({ maps, parts }: DumpedMemory): Iterable<AddressedRange> {
  for (const { name, firstPart, endPart } of maps)
    for (let i = firstPart; i < endPart; i++)
      yield { space: name, address: BigInt(parts.address(i)), bytes: parts.end(i) - parts.position(i) };
}

function inspect(path: string): ImageDetails {
  const dump = readDump(path);
  const { maps, parts } = dump;
  let ownBytes = 0;
  for (let i = 0; i < parts.length; i++) if (parts.isOwn(i)) ownBytes += parts.end(i) - parts.position(i);
  return {
    version: 'images of version 1.1',
    addressing: 'virtual',
    ranges: rangesOf(dump),
    facts: {
      'page maps': maps.map(({ name }) => name).join(', '),
      'in this directory': `${ownBytes} bytes of memory`,
    },
  };
}
