// The table of a frame: the codec of each page and the codec's operands.
//
//   table     = { run }
//   run       = codec u8 | count ULEB128 (>= 1) | [ segment u8 ] | count x operands
//   operands  = [ fill u8 ] [ reference ] [ length ULEB128 ]
//   reference = ULEB128: 2 * zigzag(page - expected) + other  [ image ULEB128 when other = 1 ]
//
// segment is present when the codec has bytes; fill, reference and length when the codec has that operand.
// expected is the page after the frame's previous reference (at first, the frame's first page). other is 1 if
// the image differs from the previous reference's (at first, the frame's parent, or 0). Consecutive pages
// often refer to consecutive pages.

import { type Codec, codecByWireId } from '../codec/registry.js';
import { WireReader, WireWriter } from './wire.js';

/** A page's entry. `TableReader` returns the same object each time. */
export interface TableEntry {
  codec: Codec;
  /** Number of the segment that holds the page's bytes, from 1. */
  segment: number;
  /** Byte that fills the page. */
  fill: number;
  /** Image and number of the page that it refers to. */
  image: number;
  page: number;
  /** Bytes of the page in its segment, for a codec with a length of its own. */
  bytes: number;
}

/** Writes a table, run by run. */
export class TableWriter {
  private readonly table = new WireWriter();
  private readonly operands = new WireWriter();
  private codec: Codec | undefined;
  private segment = 0;
  private count = 0;
  private expectedPage = 0;
  private expectedImage = 0;

  /** Bytes so far, without the last run's head. */
  get length(): number {
    return this.table.length + this.operands.length;
  }

  /** Start the table of a frame; references are relative to `firstPage` of image `parent`. */
  start(firstPage: number, parent: number): void {
    this.table.clear();
    this.operands.clear();
    this.codec = undefined;
    this.count = 0;
    this.expectedPage = firstPage;
    this.expectedImage = parent;
  }

  /** Add `count` pages of a codec; `segment`: the number of the segment with their bytes. */
  add(codec: Codec, count = 1, segment = 0): void {
    if (codec !== this.codec || segment !== this.segment) {
      this.closeRun();
      this.codec = codec;
      this.segment = segment;
    }
    this.count += count;
  }

  /** Add a page that repeats one byte. */
  addFill(codec: Codec, byte: number): void {
    this.add(codec);
    this.operands.u8(byte);
  }

  /** Add a page that refers to another one. */
  addReference(codec: Codec, image: number, page: number, segment = 0): void {
    this.add(codec, 1, segment);
    const step = page - this.expectedPage;
    const zigzag = step >= 0 ? 2 * step : -2 * step - 1;
    const other = image === this.expectedImage ? 0 : 1;
    this.operands.count(2 * zigzag + other);
    if (other) this.operands.count(image);
    this.expectedPage = page + 1;
    this.expectedImage = image;
  }

  /** Add the length of the page that was just added, in bytes. */
  addLength(bytes: number): void {
    this.operands.count(bytes);
  }

  /** Return the table; valid until the next `start`. */
  finish(): Uint8Array {
    this.closeRun();
    return this.table.bytes;
  }

  private closeRun(): void {
    if (this.codec === undefined || this.count === 0) return;
    this.table.u8(this.codec.wireId);
    this.table.count(this.count);
    if (this.codec.operands.bytes) this.table.u8(this.segment);
    this.table.put(this.operands.bytes);
    this.operands.clear();
    this.count = 0;
  }
}

/** Numbers of a reader's position in a table. */
export const TABLE_STATE = 7;

/** Reads a table page by page, or a whole run of pages without operands at once. */
export class TableReader {
  private readonly wire: WireReader;
  private runLeft = 0;
  private readonly entry: TableEntry = {
    codec: codecByWireId(0),
    segment: 0,
    fill: 0,
    image: 0,
    page: 0,
    bytes: 0,
  };
  private expectedPage: number;
  private expectedImage: number;

  constructor(
    table: Uint8Array,
    label: string,
    private pagesLeft: number,
    firstPage: number,
    parent: number,
  ) {
    this.wire = new WireReader(table, label);
    this.expectedPage = firstPage;
    this.expectedImage = parent;
  }

  /**
   * Return the next page's entry; the next `sameRun()` pages have the same codec. @throws PageferryError
   * `bad-stream`
   */
  next(): TableEntry {
    const { entry, wire } = this;
    if (this.runLeft === 0) this.openRun();
    this.runLeft--;
    const { operands } = entry.codec;
    if (operands.fill) entry.fill = wire.u8();
    if (operands.reference) this.readReference();
    if (operands.bytes === 'own') entry.bytes = wire.count();
    return entry;
  }

  /** Return the number of pages left in the current run. */
  sameRun(): number {
    return this.runLeft;
  }

  /** Skip pages of a run whose codec has no operands. */
  skip(pages: number): void {
    this.runLeft -= pages;
  }

  /** Store the position in the table. */
  save(to: Float64Array): void {
    const { entry, wire, runLeft, pagesLeft, expectedPage, expectedImage } = this;
    const { codec, segment } = entry;
    to.set([wire.position, runLeft, pagesLeft, expectedPage, expectedImage, codec.wireId, segment]);
  }

  /** Go on at a position that a reader of the same table stored. */
  restore(from: Float64Array): void {
    const { entry } = this;
    this.wire.position = from[0]!;
    this.runLeft = from[1]!;
    this.pagesLeft = from[2]!;
    this.expectedPage = from[3]!;
    this.expectedImage = from[4]!;
    entry.codec = codecByWireId(from[5]!);
    entry.segment = from[6]!;
  }

  /** Check that all pages and bytes are read. @throws PageferryError `bad-stream` */
  end(): void {
    if (this.pagesLeft !== 0) throw this.wire.bad(`${this.pagesLeft} pages too few`);
    this.wire.end();
  }

  private openRun(): void {
    const { entry, wire } = this;
    entry.codec = codecByWireId(wire.u8());
    this.runLeft = wire.count();
    if (this.runLeft === 0 || this.runLeft > this.pagesLeft)
      throw wire.bad(`a run of ${this.runLeft} pages where ${this.pagesLeft} are left`);
    this.pagesLeft -= this.runLeft;
    entry.segment = entry.codec.operands.bytes ? wire.u8() : 0;
  }

  private readReference(): void {
    const { entry, wire } = this;
    const coded = wire.count();
    const zigzag = Math.floor(coded / 2);
    const step = zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
    entry.page = this.expectedPage + step;
    if (entry.page < 0 || !Number.isSafeInteger(entry.page))
      throw wire.bad(`a reference to page ${entry.page}`);
    entry.image = coded % 2 === 1 ? wire.count() : this.expectedImage;
    this.expectedPage = entry.page + 1;
    this.expectedImage = entry.image;
  }
}
