import type { PackingName } from '../../codec/registry.js';
import type { Packing } from '../../strategy/strategy.js';

/** Start data of a packing worker. */
export interface WorkerSetup {
  readonly module: WebAssembly.Module;
  readonly segmentBytes: number;
  /** Whether to load a zstd, and from where. */
  readonly zstd: boolean;
  readonly zstdPath: string | undefined;
}

/** Request to pack the first `bytes` bytes of `input`. */
export interface PackRequest {
  readonly id: number;
  readonly input: SharedArrayBuffer;
  readonly output: SharedArrayBuffer;
  readonly bytes: number;
  readonly packing: Packing;
}

/** Result: the packed bytes are in `output`, or unchanged in `input` for `raw`. */
export type PackReply =
  | {
      readonly id: number;
      readonly packing: PackingName;
      readonly packedBytes: number;
      readonly check: readonly [number, number];
      readonly ms: number;
    }
  | { readonly id: number; readonly error: string };
