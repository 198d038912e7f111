import { moduleLoader } from './module.js';

/**
 * Return the compiled module, whose code is loaded at the first call: a browser does not wait for it before.
 */
export const zstdModule = moduleLoader(async () => (await import('./zstd.generated.js')).ZSTD_WASM);
