// Checks that the entries that run in browsers can be bundled for one.
import { browserBundle } from './browser-bundle.mjs';

for (const entry of ['index', 'kernels', 'live', 'simulate', 'zstd']) await browserBundle(entry);
