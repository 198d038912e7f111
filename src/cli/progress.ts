import type { PageSource } from '../page/source.js';
import { bytesText } from '../report/terminal/units.js';
import { showProgressLine } from './terminal.js';

const INTERVAL_MS = 200;

/** A progress line on standard error where that is a terminal; elsewhere nothing is printed. */
export interface ProgressLine {
  /** Show bytes done, and their share where the total is known. */
  onBytes(done: number, total?: number): void;
  /** Show what is being done. */
  onStep(step: string): void;
  /** Remove the line. */
  end(): void;
}

/** @param activity "packing" */
export function createProgressLine(activity: string): ProgressLine {
  if (!process.stderr.isTTY) return { onBytes: () => {}, onStep: () => {}, end: () => {} };
  let shownAt = 0;
  return {
    onBytes(done, total) {
      const now = Date.now();
      if (now - shownAt < INTERVAL_MS) return;
      shownAt = now;
      const share = total ? ` of ${bytesText(total)} (${Math.floor((100 * done) / total)} %)` : '';
      showProgressLine(`${activity}: ${bytesText(done)}${share}`);
    },
    onStep(step) {
      shownAt = Date.now();
      showProgressLine(`${activity} ${step}`);
    },
    end() {
      if (shownAt > 0) showProgressLine('');
    },
  };
}

/**
 * The same sources; `onProgress` gets the bytes read of all of them, and their total where every size is
 * known.
 */
export function withProgress(
  sources: readonly PageSource[],
  onProgress: (done: number, total?: number) => void,
): PageSource[] {
  const sizes = sources.map(({ bytes }) => bytes);
  const total = sizes.includes(undefined) ? undefined : sizes.reduce<number>((sum, bytes) => sum + bytes!, 0);
  let done = 0;
  return sources.map((source) => {
    const { name, bytes, readAt, skipZeros, fileRange, zerosAt } = source;
    let seen = 0;
    const countTo = (end: number) => {
      if (end > seen) count(end - seen);
      seen = Math.max(seen, end);
    };
    const count = (read: number) => {
      done += read;
      onProgress(done, total);
      return read;
    };
    return {
      name,
      ...(bytes !== undefined && { bytes }),
      ...(readAt && { readAt: readAt.bind(source) }),
      ...(skipZeros && { skipZeros: (maxBytes: number) => count(skipZeros.call(source, maxBytes)) }),
      ...(fileRange && {
        fileRange(position: number, length: number) {
          countTo(position + length);
          return fileRange.call(source, position, length);
        },
      }),
      ...(zerosAt && { zerosAt: zerosAt.bind(source) }),
      read: async (into) => count(await source.read(into)),
    };
  });
}
