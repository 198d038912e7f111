import type { CodecName, PackingName } from '../codec/registry.js';
import type { CodecCounts } from '../engine/frame/counters.js';
import type { DedupLevel } from '../engine/live/page-sender.js';
import type { Packing } from '../strategy/strategy.js';

/**
 * CPU costs of a host: microseconds a page of 4 KiB on one thread, and packing throughput in uncompressed
 * bytes a ms.
 */
export interface Costs {
  /** Runtime, processor and date of the measurement. */
  readonly name: string;
  /** Copy a page from the guest to the socket, or from the socket to memory. */
  readonly copyUs: number;
  /** Classify and hash a page. */
  readonly scanUs: number;
  /** Look a digest up in the page index. */
  readonly lookupUs: number;
  /** Search for a similar page: sketch, and deltas against the candidates. */
  readonly similarUs: number;
  /** Profile a page. */
  readonly profileUs: number;
  /** Encode a page alone, by codec. Absent codecs do no work of their own. */
  readonly encodeUs: Readonly<Partial<Record<CodecName, number>>>;
  /** Decode a page alone, by codec. */
  readonly decodeUs: Readonly<Partial<Record<CodecName, number>>>;
  /** Pack a segment, by `lz4` and `zstd:LEVEL`. */
  readonly packBytesPerMs: Readonly<Record<string, number>>;
  /** Unpack a segment, by packing. */
  readonly unpackBytesPerMs: Readonly<Record<'lz4' | 'zstd', number>>;
  /** Encrypt or decrypt with AES-256-GCM. */
  readonly encryptBytesPerMs: number;
}

/** Return the µs of dedup for one page, before the strategy is called. */
export function dedupUs(costs: Costs, dedup: DedupLevel): number {
  if (dedup === 'off') return 0;
  return costs.scanUs + (dedup === 'zero' ? 0 : costs.lookupUs);
}

/** Return the ms to pack a segment. A level that was not measured costs as much as the next lower one. */
export function packMs(costs: Costs, { name, level = 3 }: Packing, bytes: number): number {
  if (name === 'raw') return 0;
  if (name === 'lz4') return bytes / costs.packBytesPerMs.lz4!;
  for (let lower = level; lower >= 1; lower--) {
    const rate = costs.packBytesPerMs[`zstd:${lower}`];
    if (rate !== undefined) return bytes / rate;
  }
  return bytes / costs.packBytesPerMs.lz4!;
}

/** Return the ms to unpack a segment of `bytes` unpacked bytes. */
export function unpackMs(costs: Costs, name: PackingName, bytes: number): number {
  return name === 'raw' ? 0 : bytes / costs.unpackBytesPerMs[name];
}

/** Return the ms to decode and write pages at the destination, without unpacking. */
export function decodeMs(costs: Costs, counts: CodecCounts, dedup: DedupLevel): number {
  let us = 0;
  for (const [name, { pages }] of Object.entries(counts)) {
    if (pages === 0 || name === 'unchanged') continue;
    us +=
      pages *
      (costs.copyUs + (costs.decodeUs[name as CodecName] ?? 0) + (dedup === 'off' ? 0 : costs.scanUs));
  }
  return us / 1000;
}

/**
 * Default costs of a simulation, fixed so that results do not depend on the machine. Medians of `npm run
 * bench -- costs` on two cores, to two or three digits; runs differ by up to 10 %.
 */
export const MEASURED_COSTS: Costs = {
  name: 'Node 24.21.0, Intel Xeon (family 6, model 167), 2026-11-23',
  copyUs: 0.59,
  scanUs: 0.23,
  lookupUs: 0.028,
  similarUs: 1.43,
  profileUs: 1.82,
  encodeUs: { rle: 1.28, 'zero-aware': 0.33, xbzrle: 0.48, wkdm: 2.1, lz4: 5.8, zstd: 20 },
  // lz4 and zstd pages are in segments that are unpacked as a whole.
  decodeUs: { rle: 0.66, 'zero-aware': 0.22, xbzrle: 0.22, similar: 0.22, wkdm: 2 },
  packBytesPerMs: { lz4: 696e3, 'zstd:1': 435e3, 'zstd:3': 300e3, 'zstd:6': 103e3, 'zstd:9': 65.5e3 },
  unpackBytesPerMs: { lz4: 3.5e6, zstd: 1.03e6 },
  encryptBytesPerMs: 3e6,
};
