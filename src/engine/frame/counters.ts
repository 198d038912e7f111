import { CODECS, type CodecName } from '../../codec/registry.js';

/** Pages and bytes of one codec in a stream. */
export interface CodecCount {
  pages: number;
  /**
   * Bytes of its pages in the stream. A packed segment's bytes are divided in proportion to unpacked bytes.
   */
  bytes: number;
}

/** Counts of pages and bytes by codec. */
export type CodecCounts = Record<CodecName, CodecCount>;

/** Return counts of zero for every codec. */
export function emptyCounts(): CodecCounts {
  const counts: Partial<CodecCounts> = {};
  for (const { name } of CODECS) counts[name] = { pages: 0, bytes: 0 };
  return counts as CodecCounts;
}

/** Set all counts to zero. */
export function clearCounts(counts: CodecCounts): void {
  for (const { name } of CODECS) {
    counts[name].pages = 0;
    counts[name].bytes = 0;
  }
}

/** Return the counts of the codecs in use, with bytes rounded to whole numbers. */
export function usedCounts(counts: CodecCounts): Partial<CodecCounts> {
  const used = Object.entries(counts).filter(([, { pages }]) => pages > 0);
  return Object.fromEntries(
    used.map(([name, { pages, bytes }]) => [name, { pages, bytes: Math.round(bytes) }]),
  );
}

/** Add the counts `more` to `to`. */
export function addCounts(to: CodecCounts, more: CodecCounts): void {
  for (const { name } of CODECS) {
    to[name].pages += more[name].pages;
    to[name].bytes += more[name].bytes;
  }
}
