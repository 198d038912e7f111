// The stream format; `docs/stream.md` describes it, with worked examples.

/**
 * Opens every stream. As with PNG, the odd bytes show at once that a transfer changed line ends or stripped
 * the top bit.
 */
export const MAGIC = Uint8Array.of(0x89, 0x50, 0x46, 0x59, 0x0d, 0x0a, 0x1a, 0x0a);
export const STREAM_HEADER_BYTES = 24;
export const RECORD_HEAD_BYTES = 24;
/** Bytes of the trailer record's head: the offset of the index, then the magic "PFYINDEX". */
export const TRAILER_BYTES = 16;
export const TRAILER_MAGIC = new TextEncoder().encode('PFYINDEX');

export const PAGE_BYTES = [4096, 16384, 65536] as const;
export type PageBytes = (typeof PAGE_BYTES)[number];

export const DIGEST_BYTES = 16;
export const NO_IMAGE = 0xffffffff;
/** Longest image name, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 1024;
/** Largest head of a record that a reader accepts. */
export const MAX_HEAD_BYTES = 1 << 20;
/** Images of a stream: their ends must fit the head of the end record. */
export const MAX_IMAGES = Math.floor((MAX_HEAD_BYTES - 8) / (8 + DIGEST_BYTES));
/** Largest table of a frame: a reader keeps many times its bytes. */
export const MAX_TABLE_BYTES = 2 << 20;
/** Pages of a live guest's frame, whose numbers a reader keeps. */
export const MAX_PAGE_NUMBERS = 1 << 16;
/** Segments of a frame, its table included. */
export const MAX_SEGMENTS = 8;

/** Head of a frame with that many segments. */
export const MAX_FRAME_HEAD_BYTES = 24 + 20 * MAX_SEGMENTS;

/** Images of a live stream: the guest, and the base image that sender and receiver hold. */
export const GUEST = 0;
export const BASE = 1;

export const RECORD = {
  IMAGE: 1,
  PAGES: 2,
  IMAGE_END: 3,
  END: 4,
  INDEX: 5,
  TRAILER: 6,
  PAGE_NUMBERS: 7,
} as const;
export type RecordType = (typeof RECORD)[keyof typeof RECORD];

/**
 * The kind of a stream: `images`, each from its first page to its last; or one `live` guest that runs
 * meanwhile, whose pages come in any order and as often as they change.
 */
export type StreamKind = 'images' | 'live';

/**
 * Format version of each kind of stream. Version 2 of live streams has the digest of a guest in
 * `src/dedup/guest-digest.ts`.
 */
export const VERSIONS: Readonly<Record<StreamKind, number>> = { images: 1, live: 2 };

/** The header of a stream. */
export interface StreamHeader {
  readonly pageBytes: PageBytes;
  /** Largest frame, unpacked: the buffer that a reader needs. */
  readonly maxFrameBytes: number;
}

/** The record that begins an image. */
export interface ImageRecord {
  readonly image: number;
  /**
   * `base`: both sides hold it, only its digest travels. `container`: the bytes of the next image's file that
   * are not memory, with their places (`container.ts`).
   */
  readonly kind: 'carried' | 'base' | 'container';
  readonly name: string;
  /** The image that *last version* means, or undefined. */
  readonly parent: number | undefined;
  /** Undefined: known at the image's end only. */
  readonly bytes: number | undefined;
  /** Of a base image. */
  readonly digest: Uint8Array | undefined;
}

/** The record that ends an image. */
export interface ImageEnd {
  readonly bytes: number;
  readonly digest: Uint8Array;
}

/** The fixed part of a frame of pages. */
export interface FrameHead {
  readonly image: number;
  readonly firstPage: number;
  readonly pageCount: number;
  /** Bytes of the frame's last page: less than a page only at the image's end. */
  readonly lastPageBytes: number;
  readonly segments: readonly SegmentHead[];
}

export interface SegmentHead {
  /** Wire id of the packing codec: raw, lz4 or zstd. */
  readonly packing: number;
  readonly bytes: number;
  readonly packedBytes: number;
  /** XXH3-64 of the packed bytes: low half, high half. */
  readonly check: readonly [number, number];
}

/** The position of a frame in a file. */
export interface IndexEntry {
  readonly image: number;
  readonly firstPage: number;
  readonly pageCount: number;
  readonly offset: number;
  /** The record's number in the stream: its check depends on it. */
  readonly ordinal: number;
}
