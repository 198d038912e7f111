import type { Addressing } from './container/description.js';
import type { MemoryRanges } from './container/range-table.js';

/** Notes of a file with the same name and type. */
export interface NoteDetails {
  readonly name: string;
  readonly type: number;
  readonly count: number;
  /** Bytes of their content together. */
  readonly bytes: number;
}

/** The statements of a file, for `pageferry inspect`. Nothing is there that the file does not state. */
export interface ImageDetails {
  /** Variant and version of the format. */
  readonly version?: string;
  readonly architecture?: string;
  /** Compression of pages in the file. */
  readonly compression?: string;
  readonly addressing?: Addressing;
  /** Addresses of the memory, in the image's order. */
  readonly ranges?: MemoryRanges;
  readonly notes?: readonly NoteDetails[];
  /** Bytes of memory that the file should have, and those that it has: fewer in a truncated file. */
  readonly claimedBytes?: number;
  readonly presentBytes?: number;
  /** Further facts, each with its label. */
  readonly facts?: Readonly<Record<string, string | number>>;
}
