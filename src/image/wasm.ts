import type { PageSource } from '../page/source.js';

export interface WasmMemoryOptions {
  /** The memory stands still while it is read: nothing runs that writes to it. Only then can it be read anywhere. */
  readonly still?: boolean;
}

/**
 * A WebAssembly memory as an image, as large as it is now. A memory that runs between two reads gives each page as it is when
 * read, so pages read earlier must not be looked at again: `readAt` is there only when `still` says the memory stands still.
 */
export function wasmMemorySource(
  memory: WebAssembly.Memory,
  name: string,
  options: WasmMemoryOptions = {},
): PageSource {
  const bytes = memory.buffer.byteLength;
  let next = 0;
  const readAt = (into: Uint8Array, position: number) => {
    const wanted = Math.max(0, Math.min(into.length, bytes - position));
    // A growing memory gets a new buffer and the old one is detached; so the buffer is asked for each time.
    if (wanted > 0) into.set(new Uint8Array(memory.buffer, position, wanted));
    return wanted;
  };
  const source: PageSource = {
    name,
    bytes,
    read(into) {
      const read = readAt(into, next);
      next += read;
      return read;
    },
  };
  return options.still ? { ...source, readAt } : source;
}
