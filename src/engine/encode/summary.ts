import type { ImageEnd } from '../../stream/format.js';
import { addCounts, type CodecCounts, emptyCounts, usedCounts } from '../frame/counters.js';
import type { ImageEncoder } from './image-encoder.js';
import type { RecordWriter } from './record-writer.js';
import type { TimelineRow } from './timeline-row.js';

/** Totals of one image. */
export interface ImageSummary {
  /** Number of the image among the carried ones, from 0. */
  readonly image: number;
  readonly name: string;
  readonly bytesIn: number;
  readonly pages: number;
  readonly bytesOut: number;
  readonly digest: Uint8Array;
  /** Pages equal to another page of this image. */
  readonly duplicatesInside: number;
  /** Pages equal to a page of an earlier image at another page number. */
  readonly duplicatesBetween: number;
  /** Pages and bytes by codec, for the codecs in use. Frame tables and records count in `bytesOut` only. */
  readonly codecs: Partial<CodecCounts>;
}

/** Totals of one stream. */
export interface StreamSummary {
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly pages: number;
  readonly encodeMs: number;
  readonly codecs: Partial<CodecCounts>;
  readonly images: readonly ImageSummary[];
  /** Remarks for the user, such as that zstd is not available. */
  readonly notes: readonly string[];
  /** Work of each stage, interval by interval; present with the option `timeline`. */
  readonly timeline?: readonly TimelineRow[];
}

/** @internal A carried image whose encoding has ended. */
export interface EncodedImage {
  readonly name: string;
  readonly encoder: ImageEncoder;
  readonly end: ImageEnd;
}

/** @internal Return the totals of a stream that was written. */
export function streamSummary(
  carried: readonly EncodedImage[],
  writer: RecordWriter,
  rest: {
    readonly encodeMs: number;
    readonly notes: readonly string[];
    readonly timeline: readonly TimelineRow[] | undefined;
  },
): StreamSummary {
  const total = emptyCounts();
  const images = carried.map(({ name, encoder, end }, image): ImageSummary => {
    const { number, nextPage, duplicatesInside, duplicatesBetween } = encoder;
    const { bytesOut, codecs } = writer.counts(number);
    addCounts(total, codecs);
    return {
      image,
      name,
      bytesIn: end.bytes,
      pages: nextPage,
      bytesOut,
      digest: end.digest,
      duplicatesInside,
      duplicatesBetween,
      codecs: usedCounts(codecs),
    };
  });
  return {
    bytesIn: images.reduce((sum, { bytesIn }) => sum + bytesIn, 0),
    bytesOut: writer.bytesOut,
    pages: images.reduce((sum, { pages }) => sum + pages, 0),
    encodeMs: rest.encodeMs,
    codecs: usedCounts(total),
    images,
    notes: rest.notes,
    ...(rest.timeline && { timeline: rest.timeline }),
  };
}
