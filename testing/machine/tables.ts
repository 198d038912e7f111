// Groups of pages with the measured cost and size of every packing: tables that scripts/record-groups.mjs
// writes.
import { readFileSync } from 'node:fs';
import type { Packing } from '../../src/strategy/strategy.js';

/** Names of the recorded guests; `mixed` alternates between database and cache-heavy. */
export const GUESTS = [
  'compile',
  'idle',
  'database',
  'physics',
  'cache-heavy',
  'encrypted',
  'mixed',
] as const;
export type Guest = (typeof GUESTS)[number];

const SEGMENT_BYTES = 1 << 20;

/** Work of one packing at speed 1, in ms, and its packed bytes. */
interface PackCost {
  readonly ms: number;
  readonly bytes: number;
}

/** A group of about 1 MiB. */
export interface RecordedGroup {
  /** Bytes of image that the group covers; zero and duplicate pages have no bytes in the group. */
  readonly imageBytes: number;
  readonly bytes: number;
  readonly estimatedBytes: number;
  /** By the name of the packing (`nameOf`). */
  readonly costs: ReadonlyMap<string, PackCost>;
}

/** Returns the number of segments of an image that are scanned for a group. */
export function piecesOf({ imageBytes }: RecordedGroup): number {
  return Math.ceil(imageBytes / SEGMENT_BYTES);
}

/** Returns the name of a packing in the tables: `lz4`, `zstd:3`. */
export function nameOf({ name, level }: Packing): string {
  return name === 'zstd' ? `zstd:${level ?? 3}` : name;
}

/** Returns the packing of a name in the tables. */
export function packingOf(text: string): Packing {
  const [name, level] = text.split(':') as [Packing['name'], string | undefined];
  return level === undefined ? { name } : { name, level: Number(level) };
}

/** Returns the recorded groups of a guest. */
export function recordedGroups(guest: Guest): RecordedGroup[] {
  const text = readFileSync(new URL(`groups/${guest}.csv`, import.meta.url), 'utf8');
  const [head, ...lines] = text.trimEnd().split('\n');
  const names = head!
    .split(',')
    .slice(3)
    .filter((_, i) => i % 2 === 1);
  return lines.map((line) => {
    const [imageBytes, bytes, estimatedBytes, ...cells] = line.split(',').map(Number);
    const costs = new Map(names.map((name, i) => [name, { ms: cells[2 * i]!, bytes: cells[2 * i + 1]! }]));
    return { imageBytes: imageBytes!, bytes: bytes!, estimatedBytes: estimatedBytes!, costs };
  });
}

/** Returns groups repeated in order up to at least `imageBytes` of image. */
export function repeated(groups: readonly RecordedGroup[], imageBytes: number): RecordedGroup[] {
  const image: RecordedGroup[] = [];
  for (let covered = 0; covered < imageBytes; covered += image.at(-1)!.imageBytes)
    image.push(groups[image.length % groups.length]!);
  return image;
}

/** Range of the factors of `perturbed`. */
const FACTORS = [0.7, 1.4] as const;

/**
 * Returns groups of another machine and another guest: the cost and the size of every packing but raw are
 * multiplied by random factors, the same for all groups.
 */
export function perturbed(groups: readonly RecordedGroup[], random: () => number): RecordedGroup[] {
  const factor = () => FACTORS[0] + (FACTORS[1] - FACTORS[0]) * random();
  const factors = new Map<string, readonly [number, number]>();
  for (const name of groups[0]!.costs.keys()) factors.set(name, [factor(), factor()]);
  return groups.map((group) => {
    const costs = new Map<string, PackCost>();
    for (const [name, { ms, bytes }] of group.costs) {
      const [cost, size] = name === 'raw' ? [1, 1] : factors.get(name)!;
      costs.set(name, { ms: ms * cost, bytes: Math.min(group.bytes, Math.round(bytes * size)) });
    }
    return { ...group, costs };
  });
}
