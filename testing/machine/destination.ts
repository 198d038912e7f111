// The destination of a modelled stream: what its work costs, and what it reports of that.
import type { PackingName } from '../../src/codec/registry.js';
import type { DestinationSpeed } from '../../src/strategy/destination.js';
import type { RecordedGroup } from './tables.js';

const MIB = 1 << 20;

/**
 * Work of a destination in ms: for a MiB of image, and to unpack a MiB by packing. It takes bytes from the
 * link only while fewer than `MAX_WAITING_GROUPS` wait there.
 */
export interface Destination {
  readonly pageMs: number;
  readonly unpackMs: Readonly<Record<PackingName, number>>;
  /** Whether it reports nothing. */
  readonly isSilent?: boolean;
}
export const MAX_WAITING_GROUPS = 8;
/** Work at speed 1: decoding, hashing and writing pages; checking and unpacking segments. */
const WORK = { pageMs: 0.5, unpackMs: { raw: 0.05, lz4: 0.3, zstd: 1 } } as const;

/** Returns a destination that is `speed` times as fast as the source at speed 1. */
export function destinationOf(speed: number): Destination {
  const { raw, lz4, zstd } = WORK.unpackMs;
  return {
    pageMs: WORK.pageMs / speed,
    unpackMs: { raw: raw / speed, lz4: lz4 / speed, zstd: zstd / speed },
  };
}

/** Returns the ms that a destination takes for a group. */
export function processMs(
  { pageMs, unpackMs }: Destination,
  { imageBytes, bytes }: RecordedGroup,
  packing: PackingName,
): number {
  return (pageMs * imageBytes + unpackMs[packing] * bytes) / MIB;
}

/** Returns what a destination reports. */
export function reportOf({ pageMs, unpackMs }: Destination): DestinationSpeed {
  const ns = (ms: number) => (ms * 1e6) / MIB;
  const { raw, lz4, zstd } = unpackMs;
  return {
    nsPerPageByte: ns(pageMs),
    unpackNsPerByte: { raw: ns(raw), lz4: ns(lz4), zstd: ns(zstd) },
  };
}
