import { openPages } from '../engine/page-reader/open-pages.js';
import type { PageReader } from '../engine/page-reader/page-reader.js';
import { openImage } from '../image/formats.js';
import { withFileName } from '../image/fs/errno.js';
import type { FileSource } from '../image/image-file.js';
import { openFileSource } from '../image/raw.js';
import { imageNames } from './image-names.js';
import type { ServedImage, ServedImages } from './served-image.js';

/** Options of {@link openStreamImages}. */
export interface StreamImagesOptions {
  /** Paths of base images that the stream refers to. */
  readonly bases?: readonly string[];
}

/** Serve the images of a packed file, decoded frame by frame through its index. @throws PageferryError */
export async function openStreamImages(
  path: string,
  { bases = [] }: StreamImagesOptions = {},
): Promise<ServedImages> {
  const opened: FileSource[] = [];
  const close = () => {
    for (const source of opened) source.close();
  };
  const open = (source: FileSource) => {
    opened.push(source);
    return source;
  };
  try {
    const file = open(openFileSource(path));
    const sources = bases.map((base) => open(openImage(base)));
    const reader = await openPages(file, { bases: sources });
    return streamImages(path, reader, () => {
      reader.close();
      close();
    });
  } catch (error) {
    close();
    throw withFileName(path, error);
  }
}

function streamImages(path: string, reader: PageReader, close: () => void): ServedImages {
  const names = imageNames(reader.images.map(({ name }) => name));
  const images = reader.images.map((_, number) => streamImage(path, reader, number, names[number]!));
  return { images, counters: () => reader.counters, close };
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
      const page = Math.floor(offset / pageBytes);
      const within = offset % pageBytes;
      const most = Math.min(maxBytes, bytes - offset);
      const { pages, zero } = reader.run(number, page);
      return { bytes: Math.min(most, pages * pageBytes - within), zero };
    },
  };
}
