import { createCodecContext } from '../../src/codec/codec.js';
import { type CodecName, codecByName } from '../../src/codec/registry.js';
import type { GroupView, PageProfile, PageView, StreamState } from '../../src/strategy/strategy.js';
import { testKernels } from '../support/kernels.js';

const PROFILE = [
  'zeroWords',
  'repeatedWords',
  'dictionaryWords',
  'runs',
  'runBytes',
  'changedBytes',
  'changedRuns',
  'estimatedBytes',
  'zeroBytes',
] as const;

/** What a page is compared with. */
export interface Viewed {
  /** Its previous version. */
  readonly last?: Uint8Array;
  /** Bytes of a delta against a similar page, if there is one. */
  readonly similarBytes?: number;
}

/** Returns page views that the real kernels profile and measure. */
export async function viewer(): Promise<(page: Uint8Array, more?: Viewed) => PageView> {
  const kernels = await testKernels();
  const context = createCodecContext(kernels);
  const [at, base, out, profileAt] = ['page', 'base', 'out', 'profile'].map((name) =>
    kernels.reserve(65536, name),
  ) as [number, number, number, number];
  return (page, { last, similarBytes } = {}) => {
    kernels.bytes.set(page, at);
    if (last) kernels.bytes.set(last, base);
    kernels.run.profilePage(at, last ? base : 0, page.length, profileAt);
    const fields = PROFILE.map((field, i) => [field, kernels.words[(profileAt >>> 2) + i]]);
    return {
      pageBytes: page.length,
      profile: { words: page.length / 4, ...Object.fromEntries(fields) } as PageProfile,
      hasVersion: last !== undefined,
      hasSimilar: similarBytes !== undefined,
      measure(name: CodecName) {
        if (name === 'raw') return page.length;
        if (name === 'similar') return similarBytes ?? Infinity;
        const codec = codecByName(name);
        if (!codec.encode || (codec.base === 'parent' && !last)) return Infinity;
        const bytes = codec.encode(context, at, page.length, out, page.length - 1, base);
        return bytes < 0 ? Infinity : bytes;
      },
    };
  };
}

/** A stream state whose clock and counters the test sets. */
export interface FakeStream extends StreamState {
  now: number;
  bytesOut: number;
  pendingMs: number;
  hasZstd: boolean;
}

export function fakeStream(
  linkBitsPerSecond: number,
  more: { threads?: number; zstd?: boolean; handover?: number } = {},
): FakeStream {
  const { threads = 1, zstd = true, handover = 0 } = more;
  const stream: FakeStream = {
    linkBitsPerSecond,
    threads,
    now: 0,
    bytesOut: 0,
    pendingMs: 0,
    hasZstd: zstd,
    elapsedMs: () => stream.now,
    handoverMs: (packing) => (packing === 'raw' ? 0 : handover),
  };
  return stream;
}

/** A group of pages with an estimated LZ ratio of `ratio`. */
export function groupOf(bytes: number, ratio = 0.5, kind: GroupView['kind'] = 'pages'): GroupView {
  return { kind, bytes, pages: bytes / 4096, estimatedBytes: kind === 'coded' ? bytes : bytes * ratio };
}
