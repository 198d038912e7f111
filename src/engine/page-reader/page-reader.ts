import { digestText, type ImageDigest } from '../../dedup/image-digest.js';
import type { Kernels } from '../../kernels/kernels.js';
import { checkedSink } from '../../page/checked-sink.js';
import { PageferryError } from '../../page/error.js';
import type { PageSink } from '../../page/source.js';
import { createYielder, throwIfAborted } from '../../page/sync.js';
import type { ImageRecord } from '../../stream/format.js';
import { type DigestedBase, findBase, missingBase } from '../decode/base-digest.js';
import { packedLimit } from '../frame/frame-decoder.js';
import { type CodedPage, type FrameCache, FrameMap, type PageEntry } from './frame-map.js';
import type { PageReaderMemory } from './reader-memory.js';
import type { StreamIndex } from './stream-index.js';

/**
 * Most references from page to page until a page without one; the longest chain in 400 MiB of a guest has
 * 161.
 */
const MAX_REFERENCES = 4096;
/** Most coded bytes of all pages in such a chain. */
const MAX_CODED_BYTES = 256 << 20;

/** An image in a packed file. */
export interface ReadableImage {
  readonly name: string;
  readonly bytes: number;
  readonly pages: number;
  /** The digest that the whole image must have. */
  readonly digest: Uint8Array;
}

/** Options of {@link PageReader.extract}. */
export interface ExtractOptions {
  /** First page; default 0. */
  readonly first?: number;
  /** Number of pages; default all from `first` on. */
  readonly count?: number;
  readonly signal?: AbortSignal;
  /** Called at intervals with the bytes written so far. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * Reads single pages of a packed file through its index. Only the frames of a page, and of the pages that it
 * refers to, are decoded. Every frame is checked; a whole image is verified by its digest in `extract`. A
 * failed call does not affect the next one.
 */
export class PageReader {
  readonly images: readonly ReadableImage[];
  private readonly kernels: Kernels;
  private readonly digest: ImageDigest;
  /** The base image at each image number. */
  private readonly basesByImage: readonly (DigestedBase | undefined)[];
  private isExtracting = false;
  private isClosed = false;

  /** @internal Use {@link openPages}. */
  constructor(
    private readonly memory: PageReaderMemory,
    private readonly index: StreamIndex,
    /** @internal The base images that were given. */
    readonly bases: readonly DigestedBase[],
    private readonly cache: FrameCache,
  ) {
    this.kernels = memory.slots.kernels;
    this.digest = memory.digesting.digest;
    const { pageBytes } = index.header;
    this.basesByImage = index.images.map(({ record }) =>
      record.kind === 'base' ? findBase(bases, record) : undefined,
    );
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
   * Return page `page` of carried image `image`, both counted from 0; the bytes are valid until the next
   * call.
   * @throws PageferryError `bad-argument` when there is no such page, `bad-stream` when the file is damaged,
   *   `wrong-base`
   */
  read(image: number, page: number): Uint8Array {
    this.checkOpen('read');
    const readable = this.imageOf(image);
    if (!Number.isInteger(page) || page < 0 || page >= readable.pages)
      throw new PageferryError(
        'bad-argument',
        `page ${page} of image ${image}: the image has ${readable.pages} pages`,
      );
    const number = this.index.carried.indexOf(image);
    const bytes = Math.min(this.pageBytes, readable.bytes - page * this.pageBytes);
    this.resolve(number, page, bytes);
    const { page: address } = this.memory;
    return this.kernels.bytes.subarray(address, address + bytes);
  }

  /**
   * Write pages of an image to a sink, at positions from 0 on, finish the sink and return the bytes written.
   * A whole image is verified by its digest. One extraction runs at a time; `read` may be called meanwhile.
   * @throws PageferryError, what the sink throws or the reason of `signal`; the sink was aborted then
   */
  async extract(image: number, sink: PageSink, options: ExtractOptions = {}): Promise<number> {
    this.checkOpen('extract');
    if (this.isExtracting)
      throw new PageferryError(
        'bad-argument',
        'extract: another extract is still running, await it before the next',
      );
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

  /**
   * Release the cached frames; later calls are refused, and a running `extract` rejects. The file stays open.
   */
  close(): void {
    this.isClosed = true;
    this.cache.clear();
  }

  private async writePages(image: number, sink: PageSink, options: ExtractOptions): Promise<number> {
    const { pages, digest: sent } = this.imageOf(image);
    const { first = 0, signal, onProgress } = options;
    const end = first + (options.count ?? pages - first);
    if (!(Number.isInteger(first) && Number.isInteger(end) && first >= 0 && first <= end && end <= pages))
      throw new PageferryError(
        'bad-argument',
        `pages ${first} … ${end - 1} of image ${image}: the image has ${pages} pages`,
      );
    const { run } = this.kernels;
    const { page: address, pageDigest } = this.memory;
    const yieldIfDue = createYielder();
    throwIfAborted(signal);
    this.digest.start();
    let bytes = 0;
    for (let page = first; page < end; page++) {
      const content = this.read(image, page);
      run.hash128(address, content.length, 0, 0, pageDigest);
      this.digest.add(pageDigest, 1);
      if (run.fillByte(address, content.length) === 0) sink.zero(bytes, content.length);
      else sink.write(content, bytes);
      bytes += content.length;
      const turn = yieldIfDue();
      if (!turn) continue;
      await turn;
      throwIfAborted(signal);
      onProgress?.(bytes);
    }
    const found = this.digest.finish(bytes);
    if (end - first === pages && digestText(found) !== digestText(sent))
      throw new PageferryError(
        'not-identical',
        `image ${image}: digest ${digestText(found)}, sent was ${digestText(sent)}`,
      );
    return bytes;
  }

  private checkOpen(call: string): void {
    if (this.isClosed) throw new PageferryError('bad-argument', `${call}: the page reader is closed`);
  }

  private imageOf(image: number): ReadableImage {
    const readable = this.images[image];
    if (!readable)
      throw new PageferryError('bad-argument', `image ${image}: the file has ${this.images.length} images`);
    return readable;
  }

  /**
   * Decode a page to the page slot: follow its references to a page without one, then decode back along them.
   */
  private resolve(image: number, page: number, pageBytes: number): void {
    const chain: CodedPage[] = [];
    const { images, ends } = this.index;
    let at = { image, page };
    let bytes = pageBytes;
    let codedBytes = 0;
    for (let references = 0; ; references++) {
      if (references > MAX_REFERENCES || codedBytes > MAX_CODED_BYTES)
        throw new PageferryError(
          'limit',
          `page ${page} of image ${image}: more than ${references} references, or ${codedBytes} coded bytes`,
        );
      const { record } = images[at.image]!;
      if (record.kind === 'base') {
        this.readBase(at.image, at.page, bytes);
        break;
      }
      const map = this.frameOf(at.image, at.page);
      const entry = map.find(at.page);
      const next = this.baseOf(record, at.page, entry);
      // A page that only refers to another one needs no decoding.
      if (!next || entry.codec.operands.bytes) chain.push(map.coded(entry, bytes));
      codedBytes += entry.bytes;
      if (!next) break;
      // A reference has to lead to an earlier page, so that the chain ends, and to one that is not shorter.
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
    const { frames, page: address } = this.memory;
    for (const { entry, coded, bytes, what } of chain.reverse()) {
      if (entry.codec.operands.bytes) {
        memory.set(coded, this.memory.coded);
        frames.decodeAt(entry.codec, this.memory.coded, coded.length, address, bytes, what);
      } else memory.fill(entry.codec.operands.fill ? entry.fill : 0, address, address + bytes);
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
    const base = this.basesByImage[image];
    if (!base) throw missingBase(this.index.images[image]!.record, this.bases);
    const { page: address } = this.memory;
    const { source } = base;
    const count = source.readAt!(
      this.kernels.bytes.subarray(address, address + bytes),
      page * this.pageBytes,
    );
    if (count !== bytes)
      throw new PageferryError(
        'io',
        `${source.name}: expected ${bytes} bytes at ${page * this.pageBytes}, got ${count}`,
      );
  }

  private frameOf(image: number, page: number): FrameMap {
    const entry = this.index.frameOf(image, page);
    const known = this.cache.get(entry);
    if (known) return known;
    const { parent } = this.index.images[image]!.record;
    const { data, frames } = this.memory;
    const { head, dataBytes } = this.index.readFrame(
      entry,
      this.kernels.bytes.subarray(data, data + packedLimit(this.index.header.maxFrameBytes)),
    );
    const what = `record ${entry.ordinal}, image ${image}`;
    frames.open(head, data, dataBytes, parent ?? 0, what);
    const map = new FrameMap(head, frames, this.pageBytes, what);
    this.cache.put(entry, map);
    return map;
  }
}

/** Abort a sink after a failure, which is reported in place of one of `abort`. */
function abortQuietly(sink: PageSink): void {
  try {
    sink.abort();
  } catch {}
}
