import type { CodecName, PackingName } from '../codec/registry.js';
import type { CodecCounts } from '../engine/frame/counters.js';
import type { DedupLevel } from '../engine/live/page-sender.js';
import type { Packing } from '../strategy/strategy.js';

/** What work takes on a host: microseconds for a page of 4 KiB on one thread, and bytes that packing takes in or gives back in a ms. */
export interface Costs {
  /** Where they were measured, and with what. */
  readonly name: string;
  /** Reading a page from the guest and handing it to the socket; writing it where it belongs. */
  readonly copyUs: number;
  /** Classes and digest; looking a digest up; a sketch and deltas against what it dedup; the profile. */
  readonly surveyUs: number;
  readonly lookUpUs: number;
  readonly similarUs: number;
  readonly profileUs: number;
  /** By codec; those that do no work of their own are left out. */
  readonly encodeUs: Readonly<Partial<Record<CodecName, number>>>;
  readonly decodeUs: Readonly<Partial<Record<CodecName, number>>>;
  /** By `lz4` and `zstd:LEVEL`. */
  readonly packBytesPerMs: Readonly<Record<string, number>>;
  readonly unpackBytesPerMs: Readonly<Record<'lz4' | 'zstd', number>>;
  /** AES-256-GCM, either way. */
  readonly sealBytesPerMs: number;
}

/** Of finding, for one page, before a strategy is asked. */
export function findUs(costs: Costs, dedup: DedupLevel): number {
  if (dedup === 'off') return 0;
  return costs.surveyUs + (dedup === 'zero' ? 0 : costs.lookUpUs);
}

/** Packing a segment, in ms. A level that was not measured costs what the next lower one does. */
export function packMs(costs: Costs, { name, level = 3 }: Packing, bytes: number): number {
  if (name === 'raw') return 0;
  if (name === 'lz4') return bytes / costs.packBytesPerMs.lz4!;
  for (let lower = level; lower >= 1; lower--) {
    const rate = costs.packBytesPerMs[`zstd:${lower}`];
    if (rate !== undefined) return bytes / rate;
  }
  return bytes / costs.packBytesPerMs.lz4!;
}

export function unpackMs(costs: Costs, name: PackingName, bytes: number): number {
  return name === 'raw' ? 0 : bytes / costs.unpackBytesPerMs[name];
}

/** Decoding pages at the other side, in ms, without unpacking. */
export function decodeMs(costs: Costs, counts: CodecCounts, dedup: DedupLevel): number {
  let us = 0;
  for (const [name, { pages }] of Object.entries(counts)) {
    if (pages === 0 || name === 'unchanged') continue;
    us +=
      pages *
      (costs.copyUs + (costs.decodeUs[name as CodecName] ?? 0) + (dedup === 'off' ? 0 : costs.surveyUs));
  }
  return us / 1000;
}

/**
 * What simulations reckon with unless they are told other costs, so that they tell the same everywhere. Medians of `npm run bench --
 * costs` on a machine of two cores, to two or three digits; from run to run they differ by up to a tenth.
 */
export const MEASURED_COSTS: Costs = {
  name: 'Node 24.21.0, Intel Xeon (family 6, model 167), 2026-11-23',
  copyUs: 0.59,
  surveyUs: 0.23,
  lookUpUs: 0.028,
  similarUs: 1.43,
  profileUs: 1.82,
  encodeUs: { rle: 1.28, 'zero-aware': 0.33, xbzrle: 0.48, wkdm: 2.1, lz4: 5.8 },
  // Pages of lz4 and zstd stand in segments that are unpacked as a whole.
  decodeUs: { rle: 0.66, 'zero-aware': 0.22, xbzrle: 0.22, similar: 0.22, wkdm: 2 },
  packBytesPerMs: { lz4: 696e3, 'zstd:1': 435e3, 'zstd:3': 300e3, 'zstd:6': 103e3, 'zstd:9': 65.5e3 },
  unpackBytesPerMs: { lz4: 3.5e6, zstd: 1.03e6 },
  sealBytesPerMs: 3e6,
};
