import type { PageSource } from '../page/source.js';
import { readInOrder } from './read-in-order.js';

/** Options of `wasmMemorySource`. */
export interface WasmMemoryOptions {
  /** The program is paused: nothing writes to the memory while it is read. Only then is there a `readAt`. */
  readonly paused?: boolean;
}

/**
 * Create a source of a WebAssembly memory with its present size. While the program runs, each page has its
 * content at the time it is read, so the engine must not read it again: `readAt` is only there if the program
 * is `paused`.
 */
export function wasmMemorySource(
  memory: WebAssembly.Memory,
  name: string,
  options: WasmMemoryOptions = {},
): PageSource {
  const bytes = memory.buffer.byteLength;
  const readAt = (into: Uint8Array, position: number) => {
    const wanted = Math.max(0, Math.min(into.length, bytes - position));
    // A memory that grows gets a new buffer and detaches the old one, so `buffer` must be read each time.
    if (wanted > 0) into.set(new Uint8Array(memory.buffer, position, wanted));
    return wanted;
  };
  const source: PageSource = { name, bytes, read: readInOrder(readAt) };
  return options.paused ? { ...source, readAt } : source;
}
