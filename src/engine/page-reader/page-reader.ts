import { digestText } from '../../dedup/image-digest.js';
import { abortQuietly, checkedSink } from '../../page/checked-sink.js';
import { badArgument, PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import type { IndexEntry } from '../../stream/format.js';
import { type DigestedBase, findBase } from '../decode/base-digest.js';
import { packedLimit } from '../unpack/frame-decoder.js';
import type { FrameCache } from './frame-cache.js';
import { FrameMap } from './frame-map.js';
import { PageBatch } from './page-batch.js';
import { PageResolver, type ResolverContext } from './page-resolver.js';
import type { PageReaderMemory } from './reader-memory.js';
import type { ReadableBytes } from './record-reader.js';
import { ResolvedPages } from './resolved-pages.js';
import type { StreamIndex } from './stream-index.js';

/** References that `extract` follows before it may yield to the event loop: each may unpack a frame. */
const MAX_STEP_REFERENCES = 64;

/** An image in a packed file. */
export interface ReadableImage {
  readonly name: string;
  readonly bytes: number;
  readonly pages: number;
  /** Digest of the image as it was sent. */
  readonly digest: Uint8Array;
}

/** The container of an image in a packed file. */
export interface ReadableContainer {
  readonly name: string;
  readonly bytes: number;
  /**
   * Fill `into` with bytes from `position` on; return their number, less than `into.length` only at the end.
   */
  readAt(into: Uint8Array, position: number): number;
}

/** Options of {@link PageReader.extract}. */
export interface ExtractOptions {
  /** First page; default 0. */
  readonly first?: number;
  /** Number of pages; default: all from `first` on. */
  readonly count?: number;
  /** Aborts the extraction with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Called every few ms with the bytes written so far. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Reads single pages of a packed file through its index, and unpacks only the frames that they need. Verifies
 * the checks of these frames; `extract` of a whole image also verifies its digest. A failed call does not
 * affect later ones.
 */
export class PageReader {
  readonly images: readonly ReadableImage[];
  /** @internal The stream's image number of each carried image. */
  protected readonly numbers: readonly number[];
  private readonly resolved: ResolvedPages;
  /** @internal */
  protected readonly context: ResolverContext;
  /** Two resolvers, since `read` may be called while `extract` runs. */
  private readonly reading: PageResolver;
  private readonly extracting: PageResolver;
  private isExtracting = false;
  private isClosed = false;
  /** Bytes of frames read from the file, and bytes of memory that they were unpacked to. */
  readonly counters = { packedBytes: 0, decodedBytes: 0 };

  /** @internal Use {@link openPages}. */
  constructor(
    /** @internal */
    protected readonly memory: PageReaderMemory,
    /** @internal */
    readonly index: StreamIndex,
    /** @internal The given base images. */
    readonly bases: readonly DigestedBase[],
    private readonly cache: FrameCache,
  ) {
    const { header, images, ends } = index;
    this.numbers = images.flatMap(({ record }, number) => (record.kind === 'carried' ? [number] : []));
    this.images = this.numbers.map((number) => {
      const { bytes, digest } = ends[number]!;
      const { name } = images[number]!.record;
      return { name, bytes, pages: Math.ceil(bytes / header.pageBytes), digest };
    });
    this.resolved = new ResolvedPages(this.images.reduce((max, { pages }) => Math.max(max, pages), 0));
    this.context = {
      memory,
      index,
      bases,
      basesByImage: images.map(({ record }) =>
        record.kind === 'base' ? findBase(bases, record) : undefined,
      ),
      resolved: this.resolved,
      frameOf: (image, page) => this.frameOf(image, page),
    };
    this.reading = new PageResolver(this.context);
    this.extracting = new PageResolver(this.context);
  }

  get pageBytes(): number {
    return this.index.header.pageBytes;
  }

  /**
   * Return page `page` of carried image `image`, both from 0. The bytes are valid until the next call.
   * @throws PageferryError `bad-argument` if there is no such page, `bad-stream` if the file is damaged,
   *   `wrong-base` if a base image is missing
   */
  read(image: number, page: number): Uint8Array {
    this.checkOpen('read');
    checkPage(this.imageOf(image), image, page);
    return this.readPage(this.numbers[image]!, page);
  }

  /**
   * Return the container of an image (`parseContainer`), or undefined if it has none. The container can be
   * read until the page reader is closed.
   */
  containerOf(image: number): ReadableContainer | undefined {
    this.checkOpen('containerOf');
    this.imageOf(image);
    const number = this.numbers[image]! - 1;
    if (this.index.images[number]?.record.kind !== 'container') return undefined;
    const { bytes } = this.index.ends[number]!;
    return {
      name: this.index.images[number]!.record.name,
      bytes,
      readAt: (into, position) => this.readBytes(number, into, position),
    };
  }

  /** @internal Read bytes of the image with this number in the stream; it must not be a base. */
  readBytes(number: number, into: Uint8Array, position: number): number {
    this.checkOpen('readAt');
    const count = Math.max(0, Math.min(into.length, this.index.ends[number]!.bytes - position));
    for (let done = 0; done < count; ) {
      const at = position + done;
      const page = this.readPage(number, Math.floor(at / this.pageBytes));
      const offset = at % this.pageBytes;
      const part = page.subarray(offset, Math.min(page.length, offset + count - done));
      into.set(part, done);
      done += part.length;
    }
    return count;
  }

  /** Return a page of the image with this number in the stream. */
  private readPage(number: number, page: number): Uint8Array {
    const { page: address, slots } = this.memory;
    this.reading.begin(number, page);
    this.reading.advance(Infinity);
    this.reading.decode(address);
    const bytes = Math.min(this.pageBytes, this.index.ends[number]!.bytes - page * this.pageBytes);
    return slots.kernels.bytes.subarray(address, address + bytes);
  }

  /**
   * Return a run of pages from `page` on, at most to the end of a frame, that are all zero or all not known
   * to be zero: a zero page that is coded as a reference is not known to be zero.
   * @throws PageferryError as `read` does
   */
  run(image: number, page: number): { readonly pages: number; readonly zero: boolean } {
    this.checkOpen('run');
    checkPage(this.imageOf(image), image, page);
    return this.frameOf(this.numbers[image]!, page).run(page);
  }

  /**
   * Write pages of an image to a sink, at positions from 0 on, finish the sink, and return the bytes written.
   * A whole image is verified by its digest. One extraction at a time; `read` may be called meanwhile.
   * @throws PageferryError; the error of the sink; the reason of `signal`. The sink was aborted then.
   */
  async extract(image: number, sink: PageSink, options: ExtractOptions = {}): Promise<number> {
    this.checkOpen('extract');
    if (this.isExtracting)
      throw badArgument('extract: another extract is still running, await it before the next');
    const checked = checkedSink(sink, this.images[image]?.name ?? `${image}`);
    this.isExtracting = true;
    try {
      const bytes = await this.writePages(image, checked, options);
      await checked.finish(bytes);
      return bytes;
    } catch (error) {
      abortQuietly(checked);
      throw error;
    } finally {
      this.isExtracting = false;
    }
  }

  /** Release the cached frames. Later calls throw, and a running `extract` rejects. The file stays open. */
  close(): void {
    this.isClosed = true;
    this.cache.clear();
    this.resolved.clear();
  }

  private async writePages(image: number, sink: PageSink, options: ExtractOptions): Promise<number> {
    const { pages, bytes: imageBytes, digest: sent } = this.imageOf(image);
    const { first = 0, signal, onProgress } = options;
    const end = first + (options.count ?? pages - first);
    if (!(Number.isInteger(first) && Number.isInteger(end) && first >= 0 && first <= end && end <= pages))
      throw badArgument(`pages ${first} … ${end - 1} of image ${image}: the image has ${pages} pages`);
    const { pageBytes, extracting } = this;
    const batch = new PageBatch(this.memory.digesting, pageBytes, sink);
    const yieldIfDue = createYielder();
    const rest = async (turn: Promise<void>) => {
      batch.flush();
      await turn;
      throwIfAborted(signal);
      this.checkOpen('extract');
      onProgress?.(batch.bytes);
    };
    throwIfAborted(signal);
    for (let page = first; page < end; page++) {
      extracting.begin(this.numbers[image]!, page);
      for (let isFound = false; !isFound; ) {
        isFound = extracting.advance(MAX_STEP_REFERENCES);
        const turn = yieldIfDue();
        if (turn) await rest(turn);
      }
      extracting.decode(batch.address);
      batch.add(Math.min(pageBytes, imageBytes - page * pageBytes));
    }
    const found = batch.finish();
    if (end - first === pages && digestText(found) !== digestText(sent))
      throw new PageferryError(
        'not-identical',
        `image ${image}: digest ${digestText(found)}, sent was ${digestText(sent)}`,
      );
    return batch.bytes;
  }

  /** @internal */
  protected checkOpen(call: string): void {
    if (this.isClosed) throw badArgument(`${call}: the page reader is closed`);
  }

  /** @internal */
  protected imageOf(image: number): ReadableImage {
    const readable = this.images[image];
    if (!readable) throw badArgument(`image ${image}: the file has ${this.images.length} images`);
    return readable;
  }

  /** @internal Return the frame of a page of the image with this number in the stream. */
  protected frameOf(image: number, page: number): FrameMap {
    const entry = this.index.frameOf(image, page);
    return this.cache.get(entry) ?? this.loadFrame(image, entry);
  }

  /** @internal Read and unpack a frame that is not cached. */
  protected loadFrame(image: number, entry: IndexEntry): FrameMap {
    return this.unpackFrame(image, entry);
  }

  /**
   * @internal Unpack a frame and cache it. `file`: the source of its record; default the file of the index.
   */
  protected unpackFrame(image: number, entry: IndexEntry, file?: ReadableBytes): FrameMap {
    const { parent } = this.index.images[image]!.record;
    const { data, frames, slots } = this.memory;
    const { head, dataBytes } = this.index.readFrame(
      entry,
      slots.kernels.bytes.subarray(data, data + packedLimit(this.index.header.maxFrameBytes)),
      false,
      file,
    );
    const label = `record ${entry.ordinal}, image ${image}`;
    frames.open(head, data, dataBytes, parent ?? 0, label);
    const takeSpace = (bytes: number) => this.cache.takeSpace(entry, bytes);
    const map = new FrameMap(head, frames, this.pageBytes, label, takeSpace);
    this.counters.packedBytes += dataBytes;
    this.counters.decodedBytes += map.bytes;
    this.cache.put(entry, map);
    return map;
  }
}

function checkPage({ pages }: ReadableImage, image: number, page: number): void {
  if (Number.isInteger(page) && page >= 0 && page < pages) return;
  throw badArgument(`page ${page} of image ${image}: the image has ${pages} pages`);
}
