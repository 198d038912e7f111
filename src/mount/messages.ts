// Messages between a mount and the thread that serves it.
import type { ErrorCode } from '../page/error.js';
import type { MountedImage, Trace } from '../store/trace.js';
import type { FileAttributes } from './fuse/nodes.js';

/** Start data of the thread. */
export interface WorkerSetup {
  readonly specification: string;
  readonly bases: readonly string[];
  readonly keyFile: string | undefined;
}

/** Totals of a mount that has ended. */
export interface MountReport {
  /** Bytes that the kernel has read from the mount. */
  readonly bytesRead: number;
  readonly failedReads: number;
  /** Bytes read from packs, streams or files, and bytes of decoded frames. */
  readonly packedBytes?: number;
  readonly decodedBytes?: number;
  /** The pages that were read; only with `isRecording`. */
  readonly trace?: Trace;
}

/** Message to the thread once the device is mounted. */
export interface WorkerRequest {
  /** Descriptor of the FUSE device. */
  readonly device: number;
  readonly isDirectory: boolean;
  /** Number of the image that is mounted over a file; undefined for a directory of all images. */
  readonly chosen: number | undefined;
  readonly attributes: FileAttributes;
  readonly isRecording: boolean;
  readonly allowsWriteOpen: boolean;
}

/** Message from the thread. */
export type MountMessage =
  | { readonly kind: 'opened'; readonly images: readonly MountedImage[] }
  | { readonly kind: 'log'; readonly line: string }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'ended'; readonly report: MountReport };
