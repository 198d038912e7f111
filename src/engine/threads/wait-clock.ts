import { nodeModule } from '../../page/node-hooks.js';

/** A read takes 5 to 20 µs, so a figure of up to this age is good enough: sums over many jobs stay right. */
const MAX_AGE_MS = 4;

let clock: (() => number) | undefined;
let known = 0;
let readAtMs = -Infinity;

/**
 * Return the microseconds that the calling thread has waited for a core since it started: the run delay of
 * Linux (`/proc/thread-self/schedstat`, its second figure, which the kernel updates whenever the thread gets
 * a core). 0 on other systems. The figure may be 4 ms old.
 */
export function waitedUs(): number {
  const nowMs = performance.now();
  if (nowMs - readAtMs < MAX_AGE_MS) return known;
  readAtMs = nowMs;
  clock ??= openClock() ?? (() => 0);
  known = clock();
  return known;
}

function openClock(): (() => number) | undefined {
  const fs = nodeModule<typeof import('node:fs')>('node:fs');
  if (!fs || globalThis.process?.platform !== 'linux') return undefined;
  const text = new Uint8Array(64);
  try {
    const file = fs.openSync('/proc/thread-self/schedstat', 'r');
    const read = () => {
      const length = fs.readSync(file, text, 0, text.length, 0);
      let ns = 0;
      for (let at = text.indexOf(0x20) + 1; at < length && text[at] !== 0x20; at++)
        ns = ns * 10 + text[at]! - 0x30;
      return Math.round(ns / 1000);
    };
    read();
    return read;
  } catch {
    return undefined;
  }
}
