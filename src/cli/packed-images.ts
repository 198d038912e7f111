import { digestText } from '../dedup/image-digest.js';
import { openPages } from '../engine/page-reader/open-pages.js';
import type { ReadableContainer } from '../engine/page-reader/page-reader.js';
import { throwWithRemedy } from '../engine/page-reader/stream-index.js';
import { parseContainer } from '../image/container/description.js';
import { beginsAsStream } from '../image/first-bytes.js';
import { withFileName } from '../image/fs/errno.js';
import { MAGIC, VERSIONS } from '../stream/format.js';
import { openSource } from './decode.js';

/** An image of a packed file. */
interface PackedImage {
  readonly name: string;
  /** Format of the file that was packed; "raw" for memory alone. */
  readonly format: string;
  /** Size of that file; absent for memory alone. */
  readonly fileBytes?: number;
  readonly memoryBytes: number;
  readonly pages: number;
  /** Kind of its addresses, and the number of ranges; absent if it has none. */
  readonly addressing?: string;
  readonly ranges?: number;
  readonly digest: string;
}

/** The images of a packed file. */
export interface PackedImages {
  /** Version of the stream's format. */
  readonly version: string;
  readonly pageBytes: number;
  /** All frames, and the largest size of one that its stream announces. */
  readonly frames: number;
  readonly maxFrameBytes: number;
  readonly packedImages: readonly PackedImage[];
  /** Names of the images that the receiver has to have. */
  readonly baseImages: readonly string[];
}

/** Whether a file begins as packed ones do; also one that is truncated in the magic. */
export function isPackedFile(path: string): boolean {
  const source = openSource(path);
  const first = new Uint8Array(MAGIC.length);
  const count = source.readAt?.(first, 0) ?? 0;
  source.close();
  return beginsAsStream(first.subarray(0, count));
}

/**
 * List the images of a packed file by its index, and what their containers say of their files. @throws
 * PageferryError for a file whose index or containers are damaged
 */
export async function readPackedImages(path: string, signal: AbortSignal): Promise<PackedImages> {
  const source = openSource(path);
  try {
    const reader = await openPages(source, { maxImageBytes: Number.MAX_SAFE_INTEGER, signal });
    const { index, images, pageBytes } = reader;
    const packedImages = images.map(({ name, bytes, pages, digest }, i) => ({
      name,
      ...describe(reader.containerOf(i)),
      memoryBytes: bytes,
      pages,
      digest: digestText(digest),
    }));
    const bases = index.images.filter(({ record }) => record.kind === 'base');
    return {
      version: `version ${VERSIONS.images}`,
      pageBytes,
      frames: index.images.reduce((sum, { frames }) => sum + frames.length, 0),
      maxFrameBytes: index.header.maxFrameBytes,
      packedImages,
      baseImages: bases.map(({ record }) => record.name),
    };
  } catch (error) {
    throw withFileName(source.name, error);
  } finally {
    source.close();
  }
}

function describe(
  container: ReadableContainer | undefined,
): Pick<PackedImage, 'format' | 'fileBytes' | 'addressing' | 'ranges'> {
  if (!container) return { format: 'raw' };
  try {
    const { format, fileBytes, addressing, ranges } = parseContainer(container);
    return { format, fileBytes, ...(ranges.length > 0 && { addressing, ranges: ranges.length }) };
  } catch (error) {
    throwWithRemedy(error);
  }
}
