// What `pageferry` itself exports runs in a browser: its built file can be bundled for one.
import { browserBundle } from './browser-bundle.mjs';

await browserBundle();
