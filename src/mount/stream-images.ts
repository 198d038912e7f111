import { openPages } from '../engine/page-reader/open-pages.js';
import type { PageReader } from '../engine/page-reader/page-reader.js';
import { openRemotePages, type RemotePageReader } from '../engine/page-reader/remote-page-reader.js';
import { loadImage } from '../image/formats.js';
import { withFileName } from '../image/fs/errno.js';
import { openBlockingHttpFile } from '../image/http/blocking-file.js';
import { type HttpFile, isHttpUrl, openHttpFile } from '../image/http/http-file.js';
import type { FileSource } from '../image/image-file.js';
import { openFileSource } from '../image/raw.js';
import { imageNames } from './image-names.js';
import type { ServedImage, ServedImages, ServedRun } from './served-image.js';

/** Memory for unpacked frames: clients read at several positions, and pages refer to other frames. */
const CACHE_BYTES = 256 << 20;

/** Options of {@link openStreamImages}. */
export interface StreamImagesOptions {
  /** Paths of base images that the stream refers to. */
  readonly bases?: readonly string[];
  /** For a thread that may not block: images on a web server then have `later`. Default false. */
  readonly isAsync?: boolean;
}

/**
 * Open the images of a packed file, decoded frame by frame through its index. `path` may be a URL of a web
 * server. @throws PageferryError
 */
export async function openStreamImages(
  path: string,
  { bases = [], isAsync = false }: StreamImagesOptions = {},
): Promise<ServedImages> {
  const opened: { close(): void }[] = [];
  const close = () => {
    for (const source of opened) source.close();
  };
  const open = <T extends { close(): void }>(source: T): T => {
    opened.push(source);
    return source;
  };
  const isRemote = isHttpUrl(path);
  try {
    const sources: FileSource[] = [];
    for (const base of bases) sources.push(open(await loadImage(base)));
    const options = { bases: sources, cacheBytes: CACHE_BYTES };
    if (!isRemote) {
      const reader = open(await openPages(open(openFileSource(path)), options));
      return { ...streamImages(path, reader), close };
    }
    const file = open<HttpFile>(isAsync ? await openHttpFile(path) : openBlockingHttpFile(path));
    const reader = open(
      await openRemotePages(file, options).catch((error) => {
        throw withFileName(file.name, error);
      }),
    );
    const served = { ...streamImages(file.name, reader), close };
    return isAsync ? withLater(served, file.name, reader) : served;
  } catch (error) {
    close();
    throw isRemote ? error : withFileName(path, error);
  }
}

function streamImages(path: string, reader: PageReader): Omit<ServedImages, 'close'> {
  const names = imageNames(reader.images.map(({ name }) => name));
  const images = reader.images.map((_, number) => streamImage(path, reader, number, names[number]!));
  return { images, counters: () => reader.counters };
}

/** Return the images with asynchronous calls. */
function withLater(served: ServedImages, path: string, reader: RemotePageReader): ServedImages {
  const images = served.images.map((image, number) => ({
    ...image,
    later: laterReads(path, reader, number),
  }));
  return { ...served, images };
}

function streamImage(path: string, reader: PageReader, number: number, name: string): ServedImage {
  const { pageBytes } = reader;
  const { bytes } = reader.images[number]!;
  return {
    name,
    bytes,
    read(out, offset) {
      try {
        for (let done = 0; done < out.length; ) {
          const at = offset + done;
          const page = reader.read(number, Math.floor(at / pageBytes));
          const from = at % pageBytes;
          const count = Math.min(page.length - from, out.length - done);
          out.set(page.subarray(from, from + count), done);
          done += count;
        }
      } catch (error) {
        throw withFileName(path, error);
      }
    },
    run(offset, maxBytes) {
      const run = reader.run(number, Math.floor(offset / pageBytes));
      return runFrom(run, offset, Math.min(maxBytes, bytes - offset), pageBytes);
    },
  };
}

/** Return the asynchronous calls of an image, which fetch the frames they need. */
function laterReads(
  path: string,
  reader: RemotePageReader,
  number: number,
): NonNullable<ServedImage['later']> {
  const { pageBytes } = reader;
  const { bytes } = reader.images[number]!;
  return {
    async read(out, offset) {
      try {
        await reader.readInto(number, out, offset);
      } catch (error) {
        throw withFileName(path, error);
      }
    },
    async run(offset, maxBytes) {
      const run = await reader.runLater(number, Math.floor(offset / pageBytes));
      return runFrom(run, offset, Math.min(maxBytes, bytes - offset), pageBytes);
    },
  };
}

/** Convert a run of pages to a run of at most `maxBytes` bytes from `offset` on. */
function runFrom(
  { pages, zero }: { readonly pages: number; readonly zero: boolean },
  offset: number,
  maxBytes: number,
  pageBytes: number,
): ServedRun {
  return { bytes: Math.min(maxBytes, pages * pageBytes - (offset % pageBytes)), zero };
}
