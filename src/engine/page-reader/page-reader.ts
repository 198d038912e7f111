import { digestText, ImageDigest } from '../../dedup/image-digest.js';
import type { Kernels } from '../../kernels/kernels.js';
import { PageferryError } from '../../page/error.js';
import type { PageSink, PageSource } from '../../page/source.js';
import type { ImageRecord } from '../../stream/format.js';
import { type FrameDecoder, packedLimit } from '../frame/frame-decoder.js';
import { type CodedPage, type FrameCache, FrameMap, type PageEntry } from './frame-map.js';
import type { StreamIndex } from './stream-index.js';

/** Most references from page to page until the bytes are reached, for each page anew. The longest in 400 MiB of a guest: 161. */
const MAX_REFERENCES = 4096;
/** Most coded bytes of all the pages on such a way. */
const MAX_CODED_BYTES = 256 << 20;

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
    private readonly cache: FrameCache,
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
      throw new PageferryError(
        'bad-argument',
        `page ${page} of image ${image}: there are ${readable.pages} pages in it`,
      );
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
        throw new PageferryError(
          'bad-argument',
          `pages ${first} … ${end - 1} of image ${image}: there are ${pages} pages in it`,
        );
      this.digest.start();
      let bytes = 0;
      for (let page = first; page < end; page++) {
        const content = this.read(image, page);
        this.kernels.run.hash128(this.page, content.length, 0, 0, this.pageDigest);
        this.digest.add(this.pageDigest, 1);
        if (this.kernels.run.fillByte(this.page, content.length) === 0) sink.zero(bytes, content.length);
        else sink.write(content, bytes);
        bytes += content.length;
      }
      const found = this.digest.finish(bytes);
      if (end - first === pages && digestText(found) !== digestText(sent))
        throw new PageferryError(
          'not-identical',
          `image ${image}: digest ${digestText(found)}, sent was ${digestText(sent)}`,
        );
      await sink.finish(bytes);
      return bytes;
    } catch (error) {
      sink.abort();
      throw error;
    }
  }

  private imageOf(image: number): ReadableImage {
    const readable = this.images[image];
    if (!readable)
      throw new PageferryError(
        'bad-argument',
        `image ${image}: there are ${this.images.length} images in the file`,
      );
    return readable;
  }

  /** Puts a page together: follows its references to a page that needs none, then decodes back along them. */
  private resolve(image: number, page: number, pageBytes: number): void {
    const chain: CodedPage[] = [];
    const { images, ends } = this.index;
    let at = { image, page };
    let bytes = pageBytes;
    let held = 0;
    for (let references = 0; ; references++) {
      if (references > MAX_REFERENCES || held > MAX_CODED_BYTES)
        throw new PageferryError(
          'limit',
          `page ${page} of image ${image}: ${references} references, ${held} bytes, and more to come`,
        );
      const { record } = images[at.image]!;
      if (record.kind === 'base') {
        this.readBase(at.image, at.page, bytes);
        break;
      }
      const map = this.frameOf(at.image, at.page);
      const entry = map.find(at.page);
      const next = this.baseOf(record, at.page, entry);
      // What only refers adds nothing on the way back.
      if (!next || entry.codec.operands.bytes) chain.push(map.coded(entry, bytes));
      held += entry.bytes;
      if (!next) break;
      // References only lead to what came earlier, so that this ends, and to no page that is shorter.
      const earlier = next.image < at.image || (next.image === at.image && next.page < at.page);
      if (!earlier || next.page * this.pageBytes + bytes > ends[next.image]!.bytes)
        throw new PageferryError(
          'bad-stream',
          `page ${at.page} of image ${at.image}: refers to page ${next.page} of image ${next.image}, which is not before it`,
        );
      at = next;
      // A last page may refer to the beginning of a whole one, which was coded whole.
      bytes = Math.min(this.pageBytes, ends[at.image]!.bytes - at.page * this.pageBytes);
    }
    const memory = this.kernels.bytes;
    for (const { entry, coded, bytes, what } of chain.reverse()) {
      if (entry.codec.operands.bytes) {
        memory.set(coded, this.coded);
        this.frames.decodeAt(entry.codec, this.coded, coded.length, this.page, bytes, what);
      } else memory.fill(entry.codec.operands.fill ? entry.fill : 0, this.page, this.page + bytes);
    }
  }

  private baseOf(
    { parent }: ImageRecord,
    page: number,
    entry: PageEntry,
  ): { image: number; page: number } | undefined {
    if (entry.codec.operands.reference) return { image: entry.image, page: entry.page };
    if (entry.codec.base !== 'parent') return undefined;
    if (parent === undefined)
      throw new PageferryError(
        'bad-stream',
        `page ${page}: ${entry.codec.name}, but its image has no parent`,
      );
    return { image: parent, page };
  }

  private readBase(image: number, page: number, bytes: number): void {
    const source = this.bases[image];
    if (!source) {
      const { name, digest } = this.index.images[image]!.record;
      throw new PageferryError(
        'wrong-base',
        `needs the base image "${name}" with digest ${digestText(digest!)}`,
      );
    }
    const into = this.kernels.bytes.subarray(this.page, this.page + bytes);
    const got = source.readAt!(into, page * this.pageBytes);
    if (got !== bytes)
      throw new PageferryError(
        'io',
        `${source.name}: expected ${bytes} bytes at ${page * this.pageBytes}, got ${got}`,
      );
  }

  private frameOf(image: number, page: number): FrameMap {
    const entry = this.index.frameOf(image, page);
    const known = this.cache.get(entry);
    if (known) return known;
    const { parent } = this.index.images[image]!.record;
    const { head, dataBytes } = this.index.readFrame(
      this.file,
      entry,
      this.kernels.bytes.subarray(this.data, this.data + packedLimit(this.index.header.maxFrameBytes)),
    );
    const what = `record ${entry.ordinal}, image ${image}`;
    this.frames.open(head, this.data, dataBytes, parent ?? 0, what);
    const map = new FrameMap(head, this.frames, this.pageBytes, what);
    this.cache.put(entry, map);
    return map;
  }
}
