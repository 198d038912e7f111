import { PageferryError } from '../../page/error.js';
import { type Compression, decompressPage } from '../compression/decompress.js';
import type { DecodedPages } from '../decoded-source.js';
import { badImage, type FileBytes, readBytes, viewOf } from '../file-bytes.js';
import { isZero } from '../zero-bytes.js';
import type { KdumpPageMap } from './bitmaps.js';
import type { KdumpHeader } from './header.js';
import { COMPRESSION_FLAGS, DESCRIPTOR_BYTES, pageFlags } from './layout.js';

const DESCRIPTORS_PER_READ = 4096;
/** Pages that follow each other are next to each other in the file, so they are read together. */
const SPAN_BYTES = 256 << 10;

const COMPRESSIONS = new Map<number, Compression>(
  Object.entries(pageFlags).map(([name, flag]) => [flag, name as Compression]),
);

/** A page as it is in the file. */
export interface StoredPage {
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Undefined if it is not compressed. */
  readonly compression: Compression | undefined;
}

/** Reads pages of a kdump file. */
export class KdumpPages implements DecodedPages {
  readonly bytes: number;
  /** Of the page that `find` found last: offset and bytes in the file; undefined if uncompressed. */
  private offset = 0;
  private size = 0;
  private compression: Compression | undefined;
  private readonly page: Uint8Array;
  /** Number of the page that `page` holds, or -1. */
  private pageNumber = -1;
  private descriptors = viewOf(new Uint8Array(0));
  private firstDescriptor = 0;
  private readonly span = new Uint8Array(SPAN_BYTES);
  private spanStart = 0;
  private spanEnd = 0;
  /** Offset of data that is a page of zeros, or -1. */
  private zerosAt = -1;
  private readonly dataAt: number;
  private hasReadFirst = false;

  constructor(
    private readonly file: FileBytes,
    private readonly header: KdumpHeader,
    private readonly map: KdumpPageMap,
  ) {
    this.bytes = map.ranges.bytes;
    this.page = new Uint8Array(header.blockBytes);
    const end = header.descriptorsAt + map.storedPages * DESCRIPTOR_BYTES;
    if (end > file.bytes)
      throw badImage(
        file.path,
        `the descriptors of ${map.storedPages} pages end at ${end}, past the file's ${file.bytes} bytes: it is truncated`,
      );
    this.dataAt = end;
    // Data is in the order of the pages, so that of the last ones is missing in a truncated file.
    const lastPages = Math.min(map.storedPages, DESCRIPTORS_PER_READ);
    for (let index = map.storedPages - lastPages; index < map.storedPages; index++)
      this.readDescriptor(index, `stored page ${index}`);
  }

  /** @throws PageferryError `bad-image`, `io` */
  read(into: Uint8Array, position: number): void {
    const { blockBytes } = this.header;
    for (let done = 0; done < into.length; ) {
      const at = position + done;
      const within = at % blockBytes;
      const part = into.subarray(done, done + Math.min(blockBytes - within, into.length - done));
      const number = this.numberAt(at);
      if (part.length === blockBytes) this.decode(number, part);
      else {
        if (this.pageNumber !== number) {
          this.pageNumber = -1;
          this.decode(number, this.page);
          this.pageNumber = number;
        }
        part.set(this.page.subarray(within, within + part.length));
      }
      done += part.length;
    }
  }

  zeroBytesAt(position: number, maxBytes: number): number {
    const { blockBytes } = this.header;
    const wanted = Math.min(maxBytes, this.bytes - position);
    let bytes = 0;
    while (bytes < wanted && this.isZero(this.numberAt(position + bytes))) bytes += blockBytes;
    return Math.min(bytes, wanted);
  }

  /**
   * Find the data of a page: `offset`, `size` and `compression`. Returns whether the page is in the file.
   * @throws PageferryError `bad-image`, `io`
   */
  private find(number: number): boolean {
    if (!this.map.isStored(number)) return false;
    this.readDescriptor(this.map.indexOf(number), `page ${number}`);
    return true;
  }

  /**
   * Return a stored page by the index of its descriptor: where it is in the file, and its bytes there, which
   * are valid until the next call. @throws PageferryError `bad-image`, `io`
   */
  stored(index: number): StoredPage {
    this.readDescriptor(index, `stored page ${index}`);
    const { offset, size, compression } = this;
    return { offset, compression, bytes: this.dataBytes(offset, size) };
  }

  /** Read and check a descriptor; `label` names it in errors. @throws PageferryError `bad-image`, `io` */
  private readDescriptor(index: number, label: string): void {
    const at = this.descriptorAt(index);
    const { isLittleEndian, blockBytes } = this.header;
    const fileBytes = this.file.bytes;
    this.offset = Number(this.descriptors.getBigUint64(at, isLittleEndian));
    this.size = this.descriptors.getUint32(at + 8, isLittleEndian);
    const flags = this.descriptors.getUint32(at + 12, isLittleEndian) & COMPRESSION_FLAGS;
    this.compression = COMPRESSIONS.get(flags);
    const { offset, size } = this;
    if (flags !== 0 && !this.compression)
      throw this.damaged(label, `has flags ${flags}, which are of no compression`);
    if (size === 0 || size > blockBytes || (flags === 0 && size !== blockBytes))
      throw this.damaged(label, `has ${size} bytes in the file, a page has ${blockBytes}`);
    if (offset + size > fileBytes)
      throw this.damaged(
        label,
        `${size} bytes at ${offset} end past the file's ${fileBytes}: it is truncated`,
      );
  }

  private numberAt(position: number): number {
    const { ranges } = this.map;
    const i = ranges.indexAt(position);
    return ranges.page(i) + Math.floor((position - ranges.position(i)) / this.header.blockBytes);
  }

  private isZero(number: number): boolean {
    if (!this.find(number)) return true;
    // A dump that shares one page of zeros has it before all other data.
    if (this.offset === this.dataAt && !this.hasReadFirst) {
      this.pageNumber = -1;
      this.decode(number, this.page);
    }
    return this.offset === this.zerosAt;
  }

  private decode(number: number, into: Uint8Array): void {
    if (!this.find(number) || this.offset === this.zerosAt) {
      into.fill(0);
      return;
    }
    const { offset, size, compression } = this;
    const bytes = this.dataBytes(offset, size);
    if (!compression) into.set(bytes);
    else if (!decompressPage(compression, bytes, into))
      throw this.damaged(
        `page ${number}`,
        `${size} bytes at ${offset} are not a page that ${compression} compressed`,
      );
    if (offset !== this.dataAt || this.hasReadFirst) return;
    this.hasReadFirst = true;
    if (isZero(into)) this.zerosAt = offset;
  }

  /** The bytes of a page in the file, valid until the next call. */
  private dataBytes(offset: number, size: number): Uint8Array {
    if (offset < this.spanStart || offset + size > this.spanEnd) {
      const end = Math.min(this.file.bytes, offset + SPAN_BYTES);
      this.spanEnd = 0;
      const count = this.file.readSync(this.span.subarray(0, end - offset), offset);
      if (count < size) throw this.changed(offset);
      this.spanStart = offset;
      this.spanEnd = offset + count;
    }
    return this.span.subarray(offset - this.spanStart, offset - this.spanStart + size);
  }

  /** Offset of a descriptor in `descriptors`. */
  private descriptorAt(index: number): number {
    const first = this.firstDescriptor;
    if (index < first || (index - first + 1) * DESCRIPTOR_BYTES > this.descriptors.byteLength) {
      const count = Math.min(DESCRIPTORS_PER_READ, this.map.storedPages - index);
      const at = this.header.descriptorsAt + index * DESCRIPTOR_BYTES;
      this.descriptors = viewOf(readBytes(this.file, at, count * DESCRIPTOR_BYTES, 'page descriptors'));
      this.firstDescriptor = index;
    }
    return (index - this.firstDescriptor) * DESCRIPTOR_BYTES;
  }

  private damaged(label: string, problem: string): PageferryError {
    return badImage(this.file.path, `${label}: ${problem}`);
  }

  private changed(offset: number): PageferryError {
    return new PageferryError('io', `${this.file.path}: the file was changed at ${offset} while it was read`);
  }
}
