import type { CodecCounts } from '../frame/counters.js';

/** What one image came to. */
export interface ImageSummary {
  /** Counts carried images only, from 0. */
  readonly image: number;
  readonly name: string;
  readonly bytesIn: number;
  readonly pages: number;
  readonly bytesOut: number;
  readonly digest: Uint8Array;
  /** Pages that are the same as another of this image, and of an earlier one at another page. */
  readonly duplicatesInside: number;
  readonly duplicatesBetween: number;
  /** Pages and bytes by codec, only those used. Frame tables and records are in `bytesOut` alone. */
  readonly codecs: Partial<CodecCounts>;
}

/** What a stream came to. */
export interface StreamSummary {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly pages: number;
  readonly encodeMs: number;
  readonly codecs: Partial<CodecCounts>;
  readonly images: readonly ImageSummary[];
  /** Things that the caller should know: a zstd that is not there, say. */
  readonly notes: readonly string[];
}
