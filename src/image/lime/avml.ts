// AVML, version 2 (microsoft/avml): a LiME dump whose ranges are compressed.
//
//     file    = { head | { chunk } | bytes of the chunks u64 }  little-endian
//     head    = "AVML" | version=2 u32 | first address u64 | last address u64 | 0 x 8
//     chunk   = type u8 | bytes u24 | …                         Snappy's framing format (framing_format.txt)
//               FF "sNaPpY"; 00 check u32, a block of Snappy; 01 check u32, bytes; 80 … FE: skipped
//     check   = masked CRC-32C of the content, which has at most 65536 bytes
import { lastAtOrBelow } from '../../page/search.js';
import { inSpace } from '../addressed-range.js';
import { maskedCrc32c } from '../compression/crc32c.js';
import { decodeSnappy } from '../compression/snappy.js';
import { createContainerSource } from '../container/container-source.js';
import { createLazyContainer, type LazyContainer } from '../container/lazy-container.js';
import { type PlacedRange, placedRanges } from '../container/range-table.js';
import { createDecodedSource, type DecodedPages, type DecodedSource } from '../decoded-source.js';
import { badImage, type FileBytes, fileBytes, readBytes, viewOf } from '../file-bytes.js';
import { type ImageFile, type ImageFormat, openAs } from '../image-file.js';
import {
  AVML,
  type AvmlChunks,
  CHECK_BYTES,
  COMPRESSED,
  MAX_CHUNK_BYTES,
  readChunks,
} from './avml-chunks.js';
import { beginsWith, type PlacedRanges, placeRanges } from './ranges.js';
import { findReproducedChunks } from './reproduced-chunks.js';

/** The compressed AVML format of `openImage`; AVML writes the format LiME too. */
export const avml: ImageFormat = {
  name: 'avml',
  extension: 'avml',
  summary: 'AVML dump of a running Linux: avml --compress',
  detect: ({ firstBytes }) => beginsWith(firstBytes, AVML.magic),
  open: openDump,
  inspect(file) {
    const { ranges, chunks } = readChunks(fileBytes(file));
    return {
      version: `version ${AVML.version}`,
      compression: 'snappy',
      ranges: ranges.toRangeTable(),
      facts: { chunks: chunks.count },
    };
  },
};

/** The memory in an AVML dump. */
export interface AvmlSource extends DecodedSource {
  /** The file without the chunks that are compressed to the same bytes again. */
  readonly container: LazyContainer;
  /** Physical memory in the image's order. */
  readonly segments: readonly PlacedRange[];
}

/**
 * Open an AVML dump of version 2. The image is its physical memory by ascending address, without the gaps; a
 * range that ends within a page of 4 KiB is filled with zeros. One pass over the heads of all chunks finds
 * where they are.
 * @throws PageferryError `bad-image` for a damaged file, `unsupported`, `limit`, `io`
 */
export function openAvml(path: string): AvmlSource {
  return openAs(path, openDump);
}

function openDump({ path, bytes, handle }: ImageFile): AvmlSource {
  const file: FileBytes = { path, bytes, readSync: handle.readSync };
  const { ranges, chunks } = readChunks(file);
  const placed = placeRanges(path, ranges);
  const pages = new AvmlPages(file, placed, chunks);
  const described = placed.described();
  return {
    ...createDecodedSource(handle, pages),
    get segments() {
      return placedRanges(described);
    },
    addressed: () => inSpace('physical', described),
    container: createLazyContainer(path, async (onCompared) => {
      const check = () => void handle.file.use(); // throws after close
      return createContainerSource(handle, {
        format: avml.name,
        fileBytes: bytes,
        imageBytes: pages.bytes,
        ...(await findReproducedChunks(file, placed, chunks, check, onCompared)),
        ranges: described,
        isDerived: true,
      });
    }),
  };
}

/** Reads ranges chunk by chunk; the last chunk that was read is kept. */
class AvmlPages implements DecodedPages {
  readonly bytes: number;
  private readonly content = new Uint8Array(MAX_CHUNK_BYTES);
  private chunk = -1;

  constructor(
    private readonly file: FileBytes,
    private readonly placed: PlacedRanges,
    private readonly chunks: AvmlChunks,
  ) {
    this.bytes = placed.bytes;
  }

  /** @throws PageferryError `bad-image`, `io` */
  read(into: Uint8Array, position: number): void {
    for (let done = 0; done < into.length; ) {
      const { placed } = this;
      const range = placed.indexAt(position + done);
      const at = position + done - placed.position(range);
      const rest = into.subarray(done);
      const isStored = at < placed.storedBytes(range);
      done += isStored ? this.readChunk(range, at, rest) : zeros(rest, placed.end(range) - position - done);
    }
  }

  zeroBytesAt(): number {
    return 0;
  }

  /** Return the number of bytes that the chunk at `at` of a range has. */
  private readChunk(range: number, at: number, into: Uint8Array): number {
    const { starts } = this.chunks;
    const { ranges } = this.placed;
    const endChunk = ranges.number(range);
    const chunk = lastAtOrBelow(starts, at, endChunk, ranges.offset(range));
    const start = starts[chunk]!;
    const end = chunk + 1 < endChunk ? starts[chunk + 1]! : ranges.bytes(range);
    if (this.chunk !== chunk) this.decode(chunk, end - start);
    const count = Math.min(into.length, end - at);
    into.set(this.content.subarray(at - start, at - start + count));
    return count;
  }

  private decode(chunk: number, contentBytes: number): void {
    const offset = this.chunks.offsets[chunk]!;
    const size = this.chunks.sizes[chunk]!;
    const isCompressed = size >= COMPRESSED;
    const bytes = readBytes(this.file, offset, isCompressed ? size - COMPRESSED : size, `chunk ${chunk}`);
    const data = bytes.subarray(CHECK_BYTES);
    const content = this.content.subarray(0, contentBytes);
    this.chunk = -1;
    if (!isCompressed) content.set(data);
    else if (!decodeSnappy(data, content))
      throw badImage(
        this.file.path,
        `chunk ${chunk}: ${data.length} bytes at ${offset} are no block of Snappy`,
      );
    const check = viewOf(bytes).getUint32(0, true);
    const computed = maskedCrc32c(content);
    if (check !== computed)
      throw badImage(
        this.file.path,
        `chunk ${chunk}: its check is ${hex(check)}, its content at ${offset} has ${hex(computed)}`,
      );
    this.chunk = chunk;
  }
}

function zeros(into: Uint8Array, bytes: number): number {
  const count = Math.min(into.length, bytes);
  into.fill(0, 0, count);
  return count;
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0');
}
