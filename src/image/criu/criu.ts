// A directory of CRIU's images (criu.org, images of version 1.1): page maps, pages, and the processes' state.
import { join } from 'node:path';
import { createContainerSource } from '../container/container-source.js';
import type { MemoryRange } from '../container/description.js';
import type { ContainerRun } from '../container/run-table.js';
import { createDecodedSource, type DecodedPages } from '../decoded-source.js';
import { type DirectoryArchive, openDirectoryArchive } from '../directory/directory-archive.js';
import type { DirectoryFormat } from '../directory/directory-format.js';
import { checkComplete, extentIndex } from '../extents.js';
import { badImage } from '../file-bytes.js';
import { openReadHandle, type ReadHandle } from '../fs/read-handle.js';
import type { ImageDetails } from '../image-details.js';
import type { FileSource } from '../image-file.js';
import {
  type DumpedMemory,
  hasPagemaps,
  PAGES_NAME,
  PARENT_LINK,
  readDump,
  type StoredMemory,
} from './dump.js';

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
  const dumped = readDump(path);
  const archive = openDirectoryArchive(path, criu);
  const files = new Map<string, ReadHandle>();
  const close = () => {
    archive.close();
    for (const file of files.values()) file.close();
  };
  try {
    const parts = placeParts(dumped.flatMap((memory) => memory.parts));
    for (const part of parts) if (!files.has(part.path)) files.set(part.path, openReadHandle(part.path));
    return {
      ...createDecodedSource({ name: path, close }, createPages(parts, files)),
      get container() {
        return createContainerSource(archive, {
          format: criu.name,
          fileBytes: archive.bytes,
          imageBytes: bytesOf(parts),
          runs: runsOf(path, parts, archive),
          ranges: rangesOf(dumped),
          isDerived: parts.some(({ isOwn }) => !isOwn),
          addressing: 'virtual',
        });
      },
    };
  } catch (cause) {
    close();
    throw cause;
  }
}

interface PlacedPart extends StoredMemory {
  /** Position in the image. */
  readonly position: number;
}

function placeParts(parts: readonly StoredMemory[]): PlacedPart[] {
  let position = 0;
  return parts.map((part) => {
    const placed = { ...part, position };
    position += part.bytes;
    return placed;
  });
}

function bytesOf(parts: readonly StoredMemory[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

function createPages(parts: readonly PlacedPart[], files: ReadonlyMap<string, ReadHandle>): DecodedPages {
  return {
    bytes: bytesOf(parts),
    zeroBytesAt: () => 0,
    read(into, position) {
      for (let done = 0; done < into.length; ) {
        const part = parts[extentIndex(parts, position + done)]!;
        const within = position + done - part.position;
        const piece = into.subarray(done, Math.min(into.length, done + part.bytes - within));
        const file = files.get(part.path)!;
        const offset = part.offset + within;
        checkComplete(file.name, file.readSync(piece, offset), piece.length, offset);
        done += piece.length;
      }
    },
  };
}

/** Positions of memory in the archive. */
function runsOf(path: string, parts: readonly PlacedPart[], archive: DirectoryArchive): ContainerRun[] {
  const members = new Map(archive.members.map((member) => [join(path, member.name), member]));
  const runs: ContainerRun[] = [];
  for (const { isOwn, path: pages, offset, bytes, position } of parts) {
    if (!isOwn) continue;
    const member = members.get(pages);
    if (!member || offset + bytes > member.bytes) throw badImage(pages, 'was truncated while it was opened');
    runs.push({ offset: member.offset + offset, bytes, position });
  }
  return runs.sort((a, b) => a.offset - b.offset);
}

/** The addresses of one process; several processes have the same ones. */
function rangesOf(dumped: readonly DumpedMemory[]): MemoryRange[] {
  if (dumped.length !== 1) return [];
  const ranges: { address: bigint; bytes: number }[] = [];
  for (const { address, bytes } of dumped[0]!.parts) {
    const last = ranges.at(-1);
    if (last && last.address + BigInt(last.bytes) === address) last.bytes += bytes;
    else ranges.push({ address, bytes });
  }
  return ranges;
}

function inspect(path: string): ImageDetails {
  const dumped = readDump(path);
  const own = dumped.flatMap((memory) => memory.parts).filter(({ isOwn }) => isOwn);
  return {
    version: 'images of version 1.1',
    addressing: 'virtual',
    ranges: rangesOf(dumped),
    facts: {
      'page maps': dumped.map(({ name }) => name).join(', '),
      'in this directory': `${bytesOf(own)} bytes of memory`,
    },
  };
}
