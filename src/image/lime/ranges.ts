import { PageferryError } from '../../page/error.js';
import { RangeTable } from '../container/range-table.js';
import { doubled } from '../doubled.js';
import { badImage, type RecordBytes, unsupportedImage } from '../file-bytes.js';
import { SpanTable } from '../span-table.js';
import type { StoredRanges } from '../stored-ranges.js';

export const LIME = { magic: 'EMiL', version: 1 } as const;
export const HEAD_BYTES = 32;
export const MAX_RANGES = 1 << 20;
/** The smallest page: a range that ends within one is filled with zeros, so that later pages stay whole. */
const ALIGNMENT = 4096n;

/** A range of physical memory. */
export interface AddressRange {
  readonly address: bigint;
  readonly bytes: number;
}

/** Whether bytes begin with a magic. */
export function beginsWith(bytes: Uint8Array, magic: string): boolean {
  if (bytes.length < magic.length) return false;
  for (let i = 0; i < magic.length; i++) if (bytes[i] !== magic.charCodeAt(i)) return false;
  return true;
}

/** Read the head of a range at `at`. @throws PageferryError `bad-image`, `unsupported`, `io` */
export function readRangeHead(
  path: string,
  records: RecordBytes,
  at: number,
  index: number,
  format: { readonly magic: string; readonly version: number },
): AddressRange {
  const view = records.read(at, HEAD_BYTES, () => `head of range ${index}`);
  if (!beginsWith(records.bytes, format.magic))
    throw badImage(path, `range ${index}: its head at ${at} does not begin with "${format.magic}"`);
  const version = view.getUint32(4, true);
  if (version !== format.version)
    throw unsupportedImage(
      path,
      `range ${index} has version ${version}; version ${format.version} can be read`,
    );
  const address = view.getBigUint64(8, true);
  const last = view.getBigUint64(16, true);
  if (last < address || last - address >= BigInt(Number.MAX_SAFE_INTEGER))
    throw badImage(path, `range ${index}: from ${hex(address)} to ${hex(last)}`);
  return { address, bytes: Number(last - address + 1n) };
}

/** @throws PageferryError `limit` for more ranges than a dump has */
export function checkRangeCount(path: string, count: number): void {
  if (count > MAX_RANGES)
    throw new PageferryError('limit', `${path}: more than ${MAX_RANGES} ranges of memory`);
}

/** Ranges of a dump with their places in the image. */
export class PlacedRanges extends SpanTable {
  private stored = new Float64Array(this.positions.length);

  /** `ranges`: by ascending address. */
  constructor(readonly ranges: StoredRanges) {
    super(ranges.length);
  }

  /** Place the next range of `ranges`, with zeros after it. */
  place(bytes: number, padding: number): void {
    const added = this.begin(this.bytes);
    this.stored[added] = bytes;
    this.bytes += bytes + padding;
  }

  /** Bytes of a range without the zeros that fill its last page. */
  storedBytes(i: number): number {
    return this.stored[i]!;
  }

  /** The ranges of a description, zeros that fill a page included. */
  described(): RangeTable {
    const described = new RangeTable(this.length);
    for (let i = 0; i < this.length; i++)
      described.add(this.ranges.address(i), this.end(i) - this.position(i));
    return described;
  }

  protected override growColumns(): void {
    this.stored = doubled(this.stored);
  }
}

/** Sort the ranges by ascending address and place them. @throws PageferryError `bad-image` */
export function placeRanges(path: string, ranges: StoredRanges): PlacedRanges {
  ranges.sortByAddress();
  const placed = new PlacedRanges(ranges);
  for (let i = 0; i < ranges.length; i++) {
    const end = ranges.end(i);
    const next = i + 1 < ranges.length ? ranges.address(i + 1) : undefined;
    if (next !== undefined && next < end) throw badImage(path, `two ranges have the address ${hex(next)}`);
    const missing = Number((ALIGNMENT - (end % ALIGNMENT)) % ALIGNMENT);
    placed.place(ranges.bytes(i), next === undefined ? 0 : Math.min(missing, Number(next - end)));
    if (!Number.isSafeInteger(placed.bytes))
      throw badImage(path, `the image would have ${placed.bytes} bytes`);
  }
  return placed;
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}
