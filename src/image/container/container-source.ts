import type { PageSource } from '../../page/source.js';
import { checkComplete, type Extent, extentIndex } from '../extents.js';
import type { ReadHandle } from '../fs/read-handle.js';
import { type ContainerLayout, type ContainerRun, writeContainer } from './description.js';
import { forEachOther } from './placed-bytes.js';

/** A piece of a container: bytes in memory, or bytes of the file. */
interface Piece {
  readonly position: number;
  readonly bytes: number;
  readonly memory?: Uint8Array;
  readonly offset?: number;
}

/** The file, or an archive of files. */
type Readable = Pick<ReadHandle, 'name' | 'readSync'>;

/** Create the source of a container. The file stays open as long as the image that it belongs to. */
export function createContainerSource(handle: Readable, layout: ContainerLayout): PageSource {
  const pieces = piecesOf(layout);
  const last = pieces.at(-1)!;
  const bytes = last.position + last.bytes;
  let next = 0;
  const readAt = (into: Uint8Array, position: number) => {
    const wanted = Math.max(0, Math.min(into.length, bytes - position));
    for (let done = 0; done < wanted; ) {
      const piece = pieces[extentIndex(pieces, position + done)]!;
      const from = position + done - piece.position;
      const part = into.subarray(done, Math.min(wanted, done + piece.bytes - from));
      if (piece.memory) part.set(piece.memory.subarray(from, from + part.length));
      else readWhole(handle, part, piece.offset! + from);
      done += part.length;
    }
    return wanted;
  };
  return {
    name: handle.name,
    bytes,
    readAt,
    read(into) {
      const count = readAt(into, next);
      next += count;
      return count;
    },
  };
}

function readWhole(handle: Readable, into: Uint8Array, offset: number): void {
  checkComplete(handle.name, handle.readSync(into, offset), into.length, offset);
}

function piecesOf(layout: ContainerLayout): Piece[] {
  const memory = writeContainer(layout);
  const pieces: Piece[] = [{ position: 0, bytes: memory.length, memory }];
  if (layout.isSparse) return pieces;
  forEachOther(layout, (offset, bytes) => {
    const { position, bytes: before } = pieces.at(-1)!;
    pieces.push({ position: position + before, bytes, offset });
  });
  return pieces;
}

/** Return the runs of an image that consists of extents. */
export function runsOf(extents: readonly Extent[]): ContainerRun[] {
  return extents
    .flatMap(({ position, bytes, offset }) => (offset === undefined ? [] : [{ offset, bytes, position }]))
    .sort((a, b) => a.offset - b.offset);
}
