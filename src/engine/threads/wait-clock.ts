import { nodeModule } from '../../page/node-hooks.js';

/** Maximum age of a reading: a read takes 5 to 20 µs. Sums over many jobs stay right. */
const MAX_AGE_MS = 4;

/**
 * Minimum time, neither on a core nor waiting for one, from which on a process counts as stopped. Linux
 * updates the time on a core at every tick, up to 10 ms late.
 */
const MIN_STOPPED_US = 12_000;

let refresh: (() => void) | undefined;
let cpuTimeUs = 0;
let runDelayUs = 0;
let readAtMs = -Infinity;

/**
 * Return the µs that the calling thread has waited for a core since it started: Linux's run delay, the second
 * figure of `/proc/thread-self/schedstat`, which is updated whenever the thread gets a core. 0 on other
 * systems. The reading may be 4 ms old.
 */
export function waitedUs(): number {
  const nowMs = performance.now();
  if (nowMs - readAtMs < MAX_AGE_MS) return runDelayUs;
  readAtMs = nowMs;
  refresh ??= openClock() ?? (() => {});
  refresh();
  return runDelayUs;
}

/** Return the µs that the calling thread has spent on a core, as of the last `waitedUs`. */
export function cpuUs(): number {
  return cpuTimeUs;
}

/**
 * Return the µs of a job of `us` µs in which it could not run: its wait for a core, and the time in which the
 * process was stopped (SIGSTOP, a paused container), which Linux does not count. Only valid for jobs without
 * I/O.
 */
export function heldUs(us: number, waitUs: number, onCoreUs: number): number {
  return onCoreUs > 0 && us - waitUs - onCoreUs > MIN_STOPPED_US ? us - onCoreUs : waitUs;
}

function openClock(): (() => void) | undefined {
  const fs = nodeModule<typeof import('node:fs')>('node:fs');
  if (!fs) return undefined;
  const text = new Uint8Array(64);
  try {
    const file = fs.openSync('/proc/thread-self/schedstat', 'r');
    const read = () => {
      const length = fs.readSync(file, text, 0, text.length, 0);
      [cpuTimeUs = 0, runDelayUs = 0] = String.fromCharCode(...text.subarray(0, length))
        .split(' ')
        .map((ns) => +ns / 1000);
    };
    read();
    return read;
  } catch {
    return undefined; // another system than Linux
  }
}
