import { PageferryError } from '../../../page/error.js';
import type { PageSink } from '../../../page/source.js';
import { type Compression, decompressPage } from '../../compression/decompress.js';
import { type OutputMemory, physicalRanges } from '../../output-form.js';
import { DESCRIPTOR_BYTES, pageFlags } from '../layout.js';
import { BitmapWriter } from './bitmap-writer.js';
import { DescriptorWriter } from './descriptor-writer.js';
import { type PageRanges, placePages } from './page-ranges.js';
import { type KernelInfo, kdumpHeader, kernelInfo, machineName } from './write-header.js';

const BITMAPS = 2;

/** Compression of pages. */
export interface PageCompressor {
  readonly compression: Compression;
  compress(page: Uint8Array): Uint8Array;
}

/**
 * Create a sink that writes a kdump-compressed file with all pages: those of zeros share their data, as in
 * the dumps of QEMU and makedumpfile. A page that is in no range as a whole is filled with zeros.
 * @throws PageferryError `unsupported` for memory whose physical addresses are not known, `limit`
 */
export function createKdumpSink(file: PageSink, memory: OutputMemory, compressor: PageCompressor): PageSink {
  const { name, bytes, notes } = memory;
  if (bytes === undefined)
    throw new PageferryError(
      'unsupported',
      `${name}: its size is not known before its end, but a kdump file begins with it; unpack it from a file with --image N`,
    );
  const info = kernelInfo(notes);
  const pages = placePages(name, physicalRanges(memory, bytes), info.pageBytes);
  return new KdumpSink(file, memory, { info, pages, compressor });
}

class KdumpSink implements PageSink {
  private readonly pages: PageRanges;
  private readonly compressor: PageCompressor;
  private readonly header: Uint8Array;
  private readonly bitmaps: readonly BitmapWriter[];
  private readonly descriptors: DescriptorWriter;
  private readonly zeros: Uint8Array;
  private readonly flag: number;
  /** Position of the next page's data. */
  private end: number;
  /** Index of the page that is collected, if a part of it was written, or -1. */
  private page = -1;
  private readonly block: Uint8Array;
  /** Index of the page that was read back last, or -1. */
  private decodedPage = -1;
  private readonly decoded: Uint8Array;

  constructor(
    private readonly file: PageSink,
    private readonly memory: OutputMemory,
    parts: { readonly info: KernelInfo; readonly pages: PageRanges; readonly compressor: PageCompressor },
  ) {
    const { name, machine, notes } = memory;
    const { info, pages, compressor } = parts;
    const { blockBytes } = pages;
    this.pages = pages;
    this.compressor = compressor;
    this.block = new Uint8Array(blockBytes);
    this.decoded = new Uint8Array(blockBytes);
    this.zeros = new Uint8Array(blockBytes);
    this.flag = pageFlags[compressor.compression];
    const bitmapBlocks = Math.ceil(pages.pages / 8 / blockBytes);
    this.header = kdumpHeader({
      blockBytes,
      pages: pages.pages,
      bitmapBlocks: BITMAPS * bitmapBlocks,
      flag: this.flag,
      machineName: machineName(name, machine),
      notes,
      info,
    });
    const bitmapBytes = bitmapBlocks * blockBytes;
    const bitmapAt = (i: number) => this.header.length + i * bitmapBytes;
    this.bitmaps = Array.from(
      { length: BITMAPS },
      (_, i) => new BitmapWriter(file, bitmapAt(i), bitmapBytes),
    );
    const zerosAt = bitmapAt(BITMAPS) + pages.count * DESCRIPTOR_BYTES;
    this.descriptors = new DescriptorWriter(file, bitmapAt(BITMAPS), {
      offset: zerosAt,
      bytes: blockBytes,
      flags: 0,
    });
    this.end = zerosAt + blockBytes;
  }

  write(bytes: Uint8Array, position: number): void {
    const { blockBytes } = this.pages;
    this.forEachPart(position, bytes.length, (from, to, index, within) => {
      if (index !== this.page) this.flush();
      const part = bytes.subarray(from, to);
      if (part.length === blockBytes) {
        this.store(index, part);
        return;
      }
      this.page = index;
      this.block.set(part, within);
      if (within + part.length === blockBytes) this.flush();
    });
  }

  /** Bytes of a page that are not written are zero. */
  zero(): void {}

  readAt(into: Uint8Array, position: number): number {
    this.forEachPart(position, into.length, (from, to, index, within) => {
      const bytes = index === this.page ? this.block : this.decode(index);
      into.set(bytes.subarray(within, within + to - from), from);
    });
    return into.length;
  }

  async finish(bytes: number): Promise<void> {
    if (bytes !== this.memory.bytes)
      throw new PageferryError(
        'bad-stream',
        `${this.memory.name}: has ${bytes} bytes, ${this.memory.bytes} were announced`,
      );
    const { file, header, bitmaps, pages } = this;
    this.flush();
    this.descriptors.finish(pages.count);
    for (const bitmap of bitmaps) {
      for (let i = 0; i < pages.ranges.length; i++) {
        const firstPage = Math.floor(pages.ranges.address(i) / pages.blockBytes);
        bitmap.set(firstPage, Math.ceil(pages.ranges.endAddress(i) / pages.blockBytes));
      }
      bitmap.flush();
    }
    file.write(header, 0);
    await file.finish(this.end);
  }

  abort(): void {
    this.file.abort();
  }

  /** Store the page that is collected. */
  private flush(): void {
    if (this.page < 0) return;
    this.store(this.page, this.block);
    this.page = -1;
    this.block.fill(0);
  }

  private store(index: number, bytes: Uint8Array): void {
    if (Buffer.compare(bytes, this.zeros) === 0) return;
    const code = this.compressor.compress(bytes);
    const isSmaller = code.length < bytes.length;
    const data = isSmaller ? code : bytes;
    this.file.write(data, this.end);
    this.descriptors.add(index, this.end, data.length, isSmaller ? this.flag : 0);
    this.end += data.length;
  }

  private decode(index: number): Uint8Array {
    const { decoded, compressor, file } = this;
    if (this.decodedPage === index) return decoded;
    this.decodedPage = -1;
    const { offset, bytes, flags } = this.descriptors.find(index);
    const data = flags === 0 ? decoded : new Uint8Array(bytes);
    const count = file.readAt(data, offset);
    if (flags === 0)
      data.fill(0, count); // the page of zeros is a hole
    else if (count < bytes || !decompressPage(compressor.compression, data, decoded))
      throw new PageferryError('io', `${this.memory.name}: cannot read back stored page ${index}`);
    this.decodedPage = index;
    return decoded;
  }

  /** Divide bytes of the image by pages; `index` is that of the page's descriptor. */
  private forEachPart(
    position: number,
    bytes: number,
    visit: (from: number, to: number, index: number, within: number) => void,
  ): void {
    const { ranges, blockBytes } = this.pages;
    for (let from = 0, i = ranges.indexAt(position); from < bytes; ) {
      while (position + from >= ranges.end(i) && i + 1 < ranges.length) i++;
      const start = ranges.address(i);
      const address = start + position + from - ranges.position(i);
      const within = address % blockBytes;
      const to = Math.min(bytes, from + blockBytes - within, ranges.end(i) - position);
      if (to <= from)
        throw new PageferryError(
          'bad-stream',
          `${this.memory.name}: has no address for its byte ${position + from}`,
        );
      const firstPage = Math.floor(start / blockBytes);
      visit(from, to, ranges.firstIndex(i) + (address - within) / blockBytes - firstPage, within);
      from = to;
    }
  }
}
