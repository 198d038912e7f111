import { createCodecContext } from '../codec/codec.js';
import { loadZstd, type Zstd } from '../codec/zstd.js';
import { digestText, ImageDigest } from '../dedup/image-digest.js';
import type { Kernels } from '../kernels/kernels.js';
import { PageferryError } from '../page/error.js';
import type { PageSink, PageSource } from '../page/source.js';
import type { ImageRecord, IndexEntry } from '../stream/format.js';
import { FrameDecoder, packedLimit } from './frame-decoder.js';
import { FrameMap, type PageEntry } from './frame-map.js';
import { kernelsWithin, whole } from './options.js';
import { readStreamIndex, type StreamIndex } from './stream-index.js';

const MIB = 1 << 20;
const NO_BYTES = new Uint8Array(0);

/** How to open a packed file for reading anywhere. */
export interface PageReaderOptions {
  readonly bases?: readonly PageSource[];
  /** Largest frame to make room for, in bytes; default 32 MiB. */
  readonly maxFrameBytes?: number;
  /** Unpacked frames that are kept at hand, in bytes; default 64 MiB. */
  readonly cacheBytes?: number;
  readonly zstd?: Zstd | null;
}

/** A page on the way to one that is asked for: what it is made of, and how many bytes it has. */
interface Link {
  readonly entry: PageEntry;
  /** A copy, so that a long way does not hold every frame on it. */
  readonly coded: Uint8Array;
  readonly bytes: number;
  readonly what: string;
}

/** An image in a packed file. */
export interface ReadableImage {
  readonly name: string;
  readonly bytes: number;
  readonly pages: number;
  /** The digest that the whole image must have. */
  readonly digest: Uint8Array;
}

/**
 * Reads single pages of a packed file through its index, without decoding the rest: only the frames that a page stands in, and
 * those that it refers to. Every frame is checked; the proof of a whole image needs a decoder.
 */
export class PageReader {
  readonly images: readonly ReadableImage[];
  private readonly cache = new Map<IndexEntry, FrameMap>();
  private cached = 0;
  private readonly page: number;
  private readonly coded: number;
  private readonly pageDigest: number;
  private readonly digest: ImageDigest;

  /** @internal Use {@link openPages}. */
  constructor(
    private readonly kernels: Kernels,
    private readonly frames: FrameDecoder,
    private readonly data: number,
    private readonly file: PageSource,
    private readonly index: StreamIndex,
    private readonly bases: readonly (PageSource | undefined)[],
    private readonly cacheBytes: number,
  ) {
    const { pageBytes } = index.header;
    this.page = kernels.reserve(pageBytes, 'page');
    this.coded = kernels.reserve(2 * pageBytes, 'coded page');
    this.pageDigest = kernels.reserve(16, 'page digest');
    this.digest = new ImageDigest(kernels, pageBytes);
    this.images = index.images.flatMap(({ record }, image) => {
      if (record.kind === 'base') return [];
      const { bytes, digest } = index.ends[image]!;
      return [{ name: record.name, bytes, pages: Math.ceil(bytes / pageBytes), digest }];
    });
  }

  get pageBytes(): number {
    return this.index.header.pageBytes;
  }

  /**
   * Page `page` of carried image `image`, both from 0; good until the next call.
   * @throws PageferryError `bad-argument` when there is no such page, `bad-stream` when the file is damaged
   */
  read(image: number, page: number): Uint8Array {
    const readable = this.imageOf(image);
    if (!Number.isInteger(page) || page < 0 || page >= readable.pages)
      throw new PageferryError('bad-argument', `page ${page} of image ${image}: there are ${readable.pages} pages in it`);
    const number = this.index.carried.indexOf(image);
    const bytes = Math.min(this.pageBytes, readable.bytes - page * this.pageBytes);
    this.resolve(number, page, bytes);
    return this.kernels.bytes.subarray(this.page, this.page + bytes);
  }

  /**
   * Writes pages `first` … `first + count - 1` of an image to a sink, from its start, and finishes it. A whole image is proved by
   * its digest. @throws PageferryError; the sink was then told to abort
   */
  async extract(image: number, sink: PageSink, first = 0, count?: number): Promise<number> {
    try {
      const { pages, digest: sent } = this.imageOf(image);
      const end = first + (count ?? pages - first);
      if (!(Number.isInteger(first) && Number.isInteger(end) && first >= 0 && first <= end && end <= pages))
        throw new PageferryError('bad-argument', `pages ${first} … ${end - 1} of image ${image}: there are ${pages} pages in it`);
      const { digest } = this;
      digest.start();
      let bytes = 0;
      for (let page = first; page < end; page++) {
        const content = this.read(image, page);
        this.kernels.run.hash128(this.page, content.length, 0, 0, this.pageDigest);
        digest.add(this.pageDigest, 1);
        if (this.kernels.run.fillByte(this.page, content.length) === 0) sink.zero(bytes, content.length);
        else sink.write(content, bytes);
        bytes += content.length;
      }
      const found = digest.finish(bytes);
      if (end - first === pages && digestText(found) !== digestText(sent))
        throw new PageferryError('not-identical', `image ${image}: digest ${digestText(found)}, sent was ${digestText(sent)}`);
      await sink.finish(bytes);
      return bytes;
    } catch (error) {
      sink.abort();
      throw error;
    }
  }

  private imageOf(image: number): ReadableImage {
    const readable = this.images[image];
    if (!readable) throw new PageferryError('bad-argument', `image ${image}: there are ${this.images.length} images in the file`);
    return readable;
  }

  /** Puts a page together: follows its references to a page that needs none, then decodes back along them. */
  private resolve(image: number, page: number, pageBytes: number): void {
    const chain: Link[] = [];
    let at = { image, page };
    let least = pageBytes;
    for (;;) {
      const { record } = this.index.images[at.image]!;
      const bytes = this.bytesOfPage(at.image, at.page);
      if (bytes < least)
        throw new PageferryError(
          'bad-stream',
          `page ${at.page} of image ${at.image}: has ${bytes} bytes, ${least} are referred to`,
        );
      least = bytes;
      if (record.kind === 'base') {
        this.readBase(at.image, at.page, bytes);
        break;
      }
      const map = this.frameOf(at.image, at.page);
      const entry = map.find(at.page);
      const { operands } = entry.codec;
      // A page that is the same as another adds nothing to it.
      if (operands.bytes || !(operands.reference || entry.codec.base !== 'none'))
        chain.push({ entry, bytes, what: map.what, coded: operands.bytes ? map.coded(entry) : NO_BYTES });
      const next = this.baseOf(record, at.page, entry);
      if (!next) break;
      // References only lead to what came earlier, so that this ends.
      if (next.image > at.image || (next.image === at.image && next.page >= at.page))
        throw new PageferryError(
          'bad-stream',
          `page ${at.page} of image ${at.image}: refers to page ${next.page} of image ${next.image}, which is not before it`,
        );
      at = next;
    }
    const memory = this.kernels.bytes;
    for (const { entry, coded, bytes, what } of chain.reverse()) {
      if (entry.codec.operands.bytes) {
        memory.set(coded, this.coded);
        this.frames.decodeAt(entry.codec, this.coded, coded.length, this.page, bytes, what);
      } else memory.fill(entry.codec.operands.fill ? entry.fill : 0, this.page, this.page + bytes);
    }
  }

  /** As many as its image has left at it. */
  private bytesOfPage(image: number, page: number): number {
    return Math.max(0, Math.min(this.pageBytes, this.index.ends[image]!.bytes - page * this.pageBytes));
  }

  private baseOf({ parent }: ImageRecord, page: number, entry: PageEntry): { image: number; page: number } | undefined {
    if (entry.codec.operands.reference) return { image: entry.image, page: entry.page };
    if (entry.codec.base !== 'last version') return undefined;
    if (parent === undefined)
      throw new PageferryError('bad-stream', `page ${page}: ${entry.codec.name}, but its image has no parent`);
    return { image: parent, page };
  }

  private readBase(image: number, page: number, bytes: number): void {
    const source = this.bases[image];
    if (!source) {
      const { name, digest } = this.index.images[image]!.record;
      throw new PageferryError('wrong-base', `needs the base image "${name}" with digest ${digestText(digest!)}`);
    }
    const into = this.kernels.bytes.subarray(this.page, this.page + bytes);
    const got = source.readAt!(into, page * this.pageBytes);
    if (got !== bytes)
      throw new PageferryError('io', `${source.name}: expected ${bytes} bytes at ${page * this.pageBytes}, got ${got}`);
  }

  private frameOf(image: number, page: number): FrameMap {
    const entry = this.index.frameOf(image, page);
    const known = this.cache.get(entry);
    if (known) {
      // Last used, last to go.
      this.cache.delete(entry);
      this.cache.set(entry, known);
      return known;
    }
    const { parent } = this.index.images[image]!.record;
    const { head, dataBytes } = this.index.readFrame(
      this.file,
      entry,
      this.kernels.bytes.subarray(this.data, this.data + packedLimit(this.index.header.maxFrameBytes)),
    );
    const what = `record ${entry.ordinal}, image ${image}`;
    this.frames.open(head, this.data, dataBytes, parent ?? 0, what);
    const map = new FrameMap(head, this.frames, this.pageBytes, what);
    this.cache.set(entry, map);
    this.cached += map.bytes;
    for (const [oldest, { bytes }] of this.cache) {
      if (this.cached <= this.cacheBytes || oldest === entry) break;
      this.cache.delete(oldest);
      this.cached -= bytes;
    }
    return map;
  }
}

/**
 * Opens a packed file, which must be readable anywhere, for reading single pages.
 * A base image that is missing is only asked for by the pages that need it: their `read` throws `wrong-base`.
 * @throws PageferryError `bad-stream` when it has no sound index, `limit` when its frames are larger than this reader takes
 */
export async function openPages(file: PageSource, options: PageReaderOptions = {}): Promise<PageReader> {
  const { cacheBytes = 64 * MIB } = options;
  const maxFrameBytes = whole('maxFrameBytes', options.maxFrameBytes ?? 32 * MIB, 0, 2 ** 32 - 1);
  const zstd = options.zstd === null ? undefined : (options.zstd ?? (await loadZstd()));
  const kernels = await kernelsWithin(2 * packedLimit(maxFrameBytes) + 8 * MIB, 'maxFrameBytes');
  const data = kernels.reserve(packedLimit(maxFrameBytes), 'frame data');
  const index = readStreamIndex(kernels, file, maxFrameBytes);
  const frames = new FrameDecoder(createCodecContext(kernels), zstd, maxFrameBytes);
  frames.announced(index.header.maxFrameBytes);
  return new PageReader(kernels, frames, data, file, index, index.matchBases(kernels, options.bases ?? []), cacheBytes);
}
