// Checks that the `pageferry` entry can be bundled for a browser.
import { browserBundle } from './browser-bundle.mjs';

await browserBundle();
