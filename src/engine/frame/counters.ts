import { CODECS, type CodecName } from '../../codec/registry.js';

/** What one codec did in a stream. */
export interface CodecCount {
  pages: number;
  /** Bytes of its pages on the wire; a packed segment's bytes are shared out by what went into it. */
  bytes: number;
}

/** Counts of pages and bytes by codec. */
export type CodecCounts = Record<CodecName, CodecCount>;

export function emptyCounts(): CodecCounts {
  return Object.fromEntries(CODECS.map(({ name }) => [name, { pages: 0, bytes: 0 }])) as CodecCounts;
}

/** Only the codecs that were used, their bytes as whole numbers. */
export function usedCounts(counts: CodecCounts): Partial<CodecCounts> {
  const used = Object.entries(counts).filter(([, { pages }]) => pages > 0);
  return Object.fromEntries(
    used.map(([name, { pages, bytes }]) => [name, { pages, bytes: Math.round(bytes) }]),
  );
}

export function addCounts(to: CodecCounts, more: CodecCounts): void {
  for (const { name } of CODECS) {
    to[name].pages += more[name].pages;
    to[name].bytes += more[name].bytes;
  }
}
