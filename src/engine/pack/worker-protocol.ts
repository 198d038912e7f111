import type { PackingName } from '../../codec/registry.js';
import type { Packing } from '../../strategy/strategy.js';

/** What a packing worker is started with. */
export interface WorkerSetup {
  readonly module: WebAssembly.Module;
  readonly segmentBytes: number;
  readonly zstd: boolean;
  readonly zstdPath: string | undefined;
}

export interface PackRequest {
  readonly id: number;
  readonly input: SharedArrayBuffer;
  readonly output: SharedArrayBuffer;
  readonly bytes: number;
  readonly packing: Packing;
}

export type PackReply =
  | {
      readonly id: number;
      readonly packing: PackingName;
      readonly packedBytes: number;
      readonly check: readonly [number, number];
      readonly ms: number;
    }
  | { readonly id: number; readonly error: string };
