import { PageferryError } from '../page/error.js';

/** Return the error for a WebAssembly memory of `memoryBytes` bytes that the process cannot create. */
export function outOfAddressSpace(memoryBytes: number, cause: Error): PageferryError {
  return new PageferryError(
    'limit',
    `too little address space for a WebAssembly memory of ${memoryBytes} bytes (${cause.message}); ` +
      'Node reserves about 10 GB of addresses for each: raise the limit (ulimit -v) or run node --disable-wasm-trap-handler',
    { cause },
  );
}
