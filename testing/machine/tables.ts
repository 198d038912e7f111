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

/**
 * Which zstd a runtime has: Node's own and that of the kernels, only the latter (Node 20, browsers), or only
 * Node's (a caller's).
 */
export type ZstdKind = 'node' | 'kernels' | 'both';
const KERNELS_ZSTD = 'zstd-wasm';

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

/** Returns the name of a packing in the tables: `lz4`, `zstd:3` (Node's), `zstd-wasm:3` (the kernels'). */
export function nameOf({ name, level, encoder }: Packing): string {
  if (name !== 'zstd') return name;
  return `${encoder === 'wasm' ? KERNELS_ZSTD : name}:${level ?? 3}`;
}

/** Returns the packing of a name in the tables. */
export function packingOf(text: string): Packing {
  const [name, level] = text.split(':') as [string, string | undefined];
  if (name === KERNELS_ZSTD) return { name: 'zstd', level: Number(level), encoder: 'wasm' };
  const packing = { name: name as Packing['name'] };
  return level === undefined ? packing : { ...packing, level: Number(level) };
}

/**
 * Returns the recorded groups of a guest, with the packings of a runtime. Those with the kernels' zstd were
 * recorded in runs of their own.
 */
export function recordedGroups(guest: Guest, zstd: ZstdKind = 'node'): RecordedGroup[] {
  const folder = zstd === 'node' ? 'groups' : 'groups/both';
  const text = readFileSync(new URL(`${folder}/${guest}.csv`, import.meta.url), 'utf8');
  const [head, ...lines] = text.trimEnd().split('\n');
  const names = head!
    .split(',')
    .slice(3)
    .filter((_, i) => i % 2 === 1);
  return lines.map((line) => {
    const [imageBytes, bytes, estimatedBytes, ...cells] = line.split(',').map(Number);
    const all = names.map((name, i) => [name, { ms: cells[2 * i]!, bytes: cells[2 * i + 1]! }] as const);
    const costs = new Map(all.filter(([name]) => zstd !== 'kernels' || !name.startsWith('zstd:')));
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
