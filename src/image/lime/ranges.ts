import { PageferryError } from '../../page/error.js';
import { badImage, type FileBytes, readBytes, unsupportedImage, viewOf } from '../file-bytes.js';

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

/** A range with its place in the image. */
export interface PlacedRange extends AddressRange {
  /** Position in the image. */
  readonly offset: number;
}

/** Whether bytes begin with a magic. */
export function beginsWith(bytes: Uint8Array, magic: string): boolean {
  return String.fromCharCode(...bytes.subarray(0, magic.length)) === magic;
}

/** Read the head of a range at `at`. @throws PageferryError `bad-image`, `unsupported`, `io` */
export function readRangeHead(
  file: FileBytes,
  at: number,
  index: number,
  format: { readonly magic: string; readonly version: number },
): AddressRange {
  const { path } = file;
  const bytes = readBytes(file, at, HEAD_BYTES, `head of range ${index}`);
  if (!beginsWith(bytes, format.magic))
    throw badImage(path, `range ${index}: its head at ${at} does not begin with "${format.magic}"`);
  const view = viewOf(bytes);
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

/** The ranges by ascending address, each with its place in the image. @throws PageferryError `bad-image` */
export function placeRanges<T extends AddressRange>(
  path: string,
  ranges: readonly T[],
): (T & { readonly offset: number; readonly padding: number })[] {
  const sorted = [...ranges].sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  let offset = 0;
  return sorted.map((range, i) => {
    const end = range.address + BigInt(range.bytes);
    const next = sorted[i + 1];
    if (next && next.address < end) throw badImage(path, `two ranges have the address ${hex(next.address)}`);
    const missing = Number((ALIGNMENT - (end % ALIGNMENT)) % ALIGNMENT);
    const padding = next ? Math.min(missing, Number(next.address - end)) : 0;
    const placed = { ...range, offset, padding };
    offset += range.bytes + padding;
    if (!Number.isSafeInteger(offset)) throw badImage(path, `the image would have ${offset} bytes`);
    return placed;
  });
}

/** The ranges of a description, zeros that fill a page included. */
export function segmentsOf(
  placed: readonly (AddressRange & { readonly offset: number; readonly padding: number })[],
): PlacedRange[] {
  return placed.map(({ address, bytes, offset, padding }) => ({ address, bytes: bytes + padding, offset }));
}

function hex(address: bigint): string {
  return `0x${address.toString(16)}`;
}
