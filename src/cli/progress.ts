import type { PageSource } from '../page/source.js';
import { bytesText } from '../report/terminal/units.js';

const EVERY_MS = 200;

/** A line on a terminal's standard error that says how far the work is; silent anywhere else. */
export function progress(what: string): { at(done: number, of?: number): void; end(): void } {
  if (!process.stderr.isTTY) return { at: () => {}, end: () => {} };
  let shown = 0;
  return {
    at(done, of) {
      const now = Date.now();
      if (now - shown < EVERY_MS) return;
      shown = now;
      const part = of ? ` of ${bytesText(of)} (${Math.floor((100 * done) / of)} %)` : '';
      process.stderr.write(`\r\x1b[K${what}: ${bytesText(done)}${part}`);
    },
    end() {
      if (shown > 0) process.stderr.write('\r\x1b[K');
    },
  };
}

/** A line there that says what is being done. */
export function statusLine(what: string): { at(doing: string): void; end(): void } {
  if (!process.stderr.isTTY) return { at: () => {}, end: () => {} };
  return {
    at: (doing) => process.stderr.write(`\r\x1b[K${what} ${doing}`),
    end: () => process.stderr.write('\r\x1b[K'),
  };
}

/** The same sources, telling how many bytes were read of them all, and of how many where that is known. */
export function watched(
  sources: readonly PageSource[],
  told: (done: number, of?: number) => void,
): PageSource[] {
  const sizes = sources.map(({ bytes }) => bytes);
  const of = sizes.includes(undefined) ? undefined : sizes.reduce<number>((sum, bytes) => sum + bytes!, 0);
  let done = 0;
  return sources.map((source) => {
    const { name, bytes, readAt } = source;
    return {
      name,
      ...(bytes === undefined ? {} : { bytes }),
      ...(readAt ? { readAt: readAt.bind(source) } : {}),
      async read(into) {
        const got = await source.read(into);
        done += got;
        told(done, of);
        return got;
      },
    };
  });
}
