// What the contended suite compares, and the goal of each comparison. Timings are noisy: a missed goal is
// printed and fails nothing.
import { print, verdict } from '../kernels/suite.mjs';

export const ADAPTIVE = 'adaptive';
export const AUTO = 'adaptive, --link auto';
export const ADAPTING_ZSTD = 'zstd --adapt';
const FAST_BITS_PER_SECOND = 1e9;

/** `peers`: choose the rows to compare with; the fastest counts. */
const GOALS = [
  {
    name: 'adaptive / best fixed strategy',
    of: ADAPTIVE,
    peers: (row) => row.kind === 'fixed',
    atMost: () => 1.05,
  },
  {
    name: 'adaptive, --link auto / best fixed strategy',
    of: AUTO,
    peers: (row) => row.kind === 'fixed',
    atMost: () => 1.1,
  },
  {
    name: 'adaptive / zstd --adapt',
    of: ADAPTIVE,
    peers: (row) => row.name === ADAPTING_ZSTD,
    atMost: () => 0.9,
  },
  {
    name: 'adaptive / best tool',
    of: ADAPTIVE,
    peers: (row) => row.kind === 'tool',
    atMost: (bitsPerSecond) => (bitsPerSecond > FAST_BITS_PER_SECOND ? 1.1 : 1),
  },
  {
    name: 'adaptive, --link auto / adaptive',
    of: AUTO,
    peers: (row) => row.name === ADAPTIVE,
    atMost: () => 1.05,
  },
];

/** Compare the medians of one cell; prints every ratio and its verdict, and returns them as rows. */
export function compare(rows, cell, bitsPerSecond) {
  return GOALS.flatMap(({ name, of, peers, atMost }) => {
    const one = rows.find((row) => row.name === of);
    const others = rows.filter(peers).sort((a, b) => a.medianMs - b.medianMs);
    if (!one || others.length === 0) return [];
    const ratio = one.medianMs / others[0].medianMs;
    const { text, ...result } = verdict(ratio, atMost(bitsPerSecond), { atMost: true });
    print(`    ${name}${others.length > 1 ? ` (${others[0].name})` : ''}: ${ratio.toFixed(2)}, ${text}`);
    return [{ ...cell, goal: name, peer: others[0].name, ratio, ...result }];
  });
}
