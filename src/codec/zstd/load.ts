import { nodeModule } from '../../page/node-hooks.js';
import { checkedFrame, type Zstd } from '../zstd.js';
import { nodeZstd } from './node.js';

const KERNELS_NAME = 'pageferry';
const MAX_WINDOW_BYTES = 2 ** 31;

/** The zstd implementations that a stream uses. */
export interface ZstdSet {
  /** Node's own, or the caller's: it works in memory of its own. Absent: there is none. */
  readonly other: Zstd | undefined;
  /** Whether the kernels' zstd is used. */
  readonly hasKernels: boolean;
}

/**
 * Return the implementations for an option `zstd`: absent, all there are; a caller's, only that one; null,
 * none.
 */
export function zstdSet(option?: Zstd | null): ZstdSet {
  if (option === null) return { other: undefined, hasKernels: false };
  return option ? { other: option, hasKernels: false } : { other: ofNode(), hasKernels: true };
}

/** Return the part of a stream's state that describes the implementations. */
export function zstdState(set: ZstdSet): {
  readonly hasZstd: boolean;
  readonly zstdName: string | undefined;
  readonly hasBothZstd: boolean;
  readonly hasZstdPages: boolean;
} {
  const { other, hasKernels } = set;
  return {
    hasZstd: hasZstd(set),
    zstdName: other?.name ?? (hasKernels ? KERNELS_NAME : undefined),
    hasBothZstd: hasKernels && other !== undefined,
    hasZstdPages: hasKernels,
  };
}

/** Whether there is any implementation. */
export function hasZstd({ other, hasKernels }: ZstdSet): boolean {
  return hasKernels || other !== undefined;
}

/** Name of an implementation for packing: the kernels', or Node's (the caller's, if it gave one). */
export type ZstdEncoder = 'wasm' | 'node';

/** Whether the kernels pack: the only ones, or named. By default Node's zstd packs where there is one. */
export function usesKernels(encoder: ZstdEncoder | undefined, { other, hasKernels }: ZstdSet): boolean {
  return hasKernels && (!other || encoder === 'wasm');
}

/** Return the best zstd: Node's own (22.15 on), else the one of this package, which runs everywhere. */
export async function loadZstd(): Promise<Zstd> {
  const node = ofNode();
  if (node) return node;
  // Loaded here: the engine works without it.
  const { compressNow, decompressNow, loadZstdKernels } = await import('./one-shot.js');
  await loadZstdKernels();
  return {
    name: KERNELS_NAME,
    compress: (bytes, level) => compressNow(bytes, level, false),
    decompress: (frame, contentBytes) =>
      decompressNow(checkedFrame(frame, contentBytes), {
        maxBytes: contentBytes,
        maxWindowBytes: MAX_WINDOW_BYTES,
      }),
  };
}

function ofNode(): Zstd | undefined {
  const zlib = nodeModule<typeof import('node:zlib')>('node:zlib');
  return zlib && nodeZstd(zlib);
}
