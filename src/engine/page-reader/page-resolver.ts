import { PageferryError } from '../../page/error.js';
import type { ImageRecord } from '../../stream/format.js';
import { type DigestedBase, missingBase } from '../decode/base-digest.js';
import type { CodedPage, FrameMap, PageEntry } from './frame-map.js';
import type { PageReaderMemory } from './reader-memory.js';
import type { ResolvedPages } from './resolved-pages.js';
import type { StreamIndex } from './stream-index.js';

/**
 * Maximum length of a chain of deltas; the longest one in 400 MiB of a guest has 161. References without
 * bytes are not limited: a page can be unchanged in all images of a stream.
 */
const MAX_CODED_PAGES = 4096;
/** Maximum coded bytes of a chain. */
const MAX_CODED_BYTES = 256 << 20;
const NONE = -1;

/** Parts that the resolvers of one file share. */
export interface ResolverContext {
  readonly memory: PageReaderMemory;
  readonly index: StreamIndex;
  /** The given base images, and by image number those that the file refers to. */
  readonly bases: readonly DigestedBase[];
  readonly basesByImage: readonly (DigestedBase | undefined)[];
  readonly resolved: ResolvedPages;
  readonly frameOf: (image: number, page: number) => FrameMap;
}

/**
 * Decodes single pages. `begin` sets the page, `advance` follows its references (several calls may share this
 * work) and collects the chain of deltas, `decode` applies the chain from its end.
 */
export class PageResolver {
  /** The page that was reached so far, and its bytes. */
  private image = 0;
  private page = 0;
  private bytes = 0;
  /** First page of the current path, a series of references without bytes; NONE: no path. */
  private pathImage = NONE;
  private pathPage = 0;
  /** The pages with coded bytes so far, and the sum of the bytes. */
  private readonly chain: CodedPage[] = [];
  private codedBytes = 0;

  constructor(private readonly context: ResolverContext) {}

  /** Begin with a page of a carried image. */
  begin(image: number, page: number): void {
    this.chain.length = 0;
    this.codedBytes = 0;
    this.pathImage = NONE;
    this.moveTo(image, page);
  }

  /** Follow up to `maxReferences` references. Returns whether no more are left. @throws PageferryError */
  advance(maxReferences: number): boolean {
    const { index, resolved, frameOf } = this.context;
    for (let followed = 0; followed < maxReferences; followed++) {
      const { record } = index.images[this.image]!;
      if (record.kind === 'base') {
        this.endPath();
        return true;
      }
      if (resolved.find(this.image, this.page)) {
        this.moveTo(resolved.image, resolved.page);
        continue;
      }
      const map = frameOf(this.image, this.page);
      const entry = map.find(this.page);
      const next = this.baseOf(record, entry);
      if (!next || entry.codec.operands.bytes) {
        this.endPath();
        this.addCoded(map, entry);
      } else if (this.pathImage === NONE) {
        this.pathImage = this.image;
        this.pathPage = this.page;
      }
      if (!next) return true;
      this.checkEarlier(next);
      this.moveTo(next.image, next.page);
    }
    return false;
  }

  /** Decode the page to `address`, the buffer of a whole page, after `advance` has returned true. */
  decode(address: number): void {
    const { memory, index } = this.context;
    const { frames, coded: codedAddress, slots } = memory;
    const kernelMemory = slots.kernels.bytes;
    if (index.images[this.image]!.record.kind === 'base') this.readBase(address);
    for (let i = this.chain.length - 1; i >= 0; i--) {
      const { entry, coded, bytes, label } = this.chain[i]!;
      if (entry.codec.operands.bytes) {
        kernelMemory.set(coded, codedAddress);
        frames.decodeAt(entry.codec, codedAddress, coded.length, address, bytes, label);
      } else kernelMemory.fill(entry.codec.operands.fill ? entry.fill : 0, address, address + bytes);
    }
    this.chain.length = 0;
  }

  private moveTo(image: number, page: number): void {
    const { header, ends } = this.context.index;
    this.image = image;
    this.page = page;
    // A shorter last page may refer to the beginning of a whole page.
    this.bytes = Math.min(header.pageBytes, ends[image]!.bytes - page * header.pageBytes);
  }

  /** End the current path; remember that its first page leads to the page that was reached. */
  private endPath(): void {
    if (this.pathImage === NONE) return;
    this.context.resolved.put(this.pathImage, this.pathPage, this.image, this.page);
    this.pathImage = NONE;
  }

  private addCoded(map: FrameMap, entry: PageEntry): void {
    this.chain.push(map.copyCoded(entry, this.bytes));
    this.codedBytes += entry.bytes;
    if (this.chain.length <= MAX_CODED_PAGES && this.codedBytes <= MAX_CODED_BYTES) return;
    throw new PageferryError(
      'limit',
      `page ${this.page} of image ${this.image}: a later page needs it and ${this.chain.length - 1} more, ` +
        `${this.codedBytes} coded bytes; at most ${MAX_CODED_PAGES} pages and ${MAX_CODED_BYTES} bytes are decoded`,
    );
  }

  /**
   * Check that a reference leads to an earlier page, so that the chain ends, and to one that is not shorter.
   */
  private checkEarlier(next: { readonly image: number; readonly page: number }): void {
    const { header, ends } = this.context.index;
    const { image, page, bytes } = this;
    const isEarlier = next.image < image || (next.image === image && next.page < page);
    if (!isEarlier || next.page * header.pageBytes + bytes > ends[next.image]!.bytes)
      throw badStream(
        `page ${page} of image ${image}: refers to page ${next.page} of image ${next.image}, which is not before it`,
      );
  }

  /**
   * Return the page that an entry refers to, or undefined.
   * @throws PageferryError `bad-stream` without a parent
   */
  private baseOf({ parent }: ImageRecord, entry: PageEntry): { image: number; page: number } | undefined {
    if (entry.codec.operands.reference) return { image: entry.image, page: entry.page };
    if (entry.codec.base !== 'parent') return undefined;
    if (parent === undefined)
      throw badStream(`page ${this.page}: ${entry.codec.name}, but its image has no parent`);
    return { image: parent, page: this.page };
  }

  private readBase(address: number): void {
    const { memory, index, bases, basesByImage } = this.context;
    const { image, bytes } = this;
    const base = basesByImage[image];
    if (!base) throw missingBase(index.images[image]!.record, bases);
    const { source } = base;
    const position = this.page * index.header.pageBytes;
    const count = source.readAt!(memory.slots.kernels.bytes.subarray(address, address + bytes), position);
    if (count !== bytes)
      throw new PageferryError('io', `${source.name}: expected ${bytes} bytes at ${position}, got ${count}`);
  }
}

function badStream(message: string): PageferryError {
  return new PageferryError('bad-stream', message);
}
