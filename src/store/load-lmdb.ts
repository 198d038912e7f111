import { createRequire } from 'node:module';
import { PageferryError } from '../page/error.js';

/** Load the optional dependency `lmdb`. @throws PageferryError `unsupported` */
export function loadLmdb(): typeof import('lmdb') {
  try {
    // Its CommonJS files are bundled: `import` reads many small ones, which takes 20 ms longer.
    return createRequire(import.meta.url)('lmdb');
  } catch (cause) {
    throw new PageferryError(
      'unsupported',
      `a store needs the package lmdb, which cannot be loaded (${(cause as Error).message.split('\n')[0]}); ` +
        'install it with: npm install lmdb',
      { cause },
    );
  }
}
