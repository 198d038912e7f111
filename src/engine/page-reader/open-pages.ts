import { checkOptions } from '../../page/options.js';
import type { PageSource } from '../../page/source.js';
import type { PageReader } from './page-reader.js';
import { PAGE_READER_OPTION_TYPES, type PageReaderOptions } from './reader-options.js';

/**
 * Open a packed file for reading single pages. Its source needs `readAt` and a known size, and has to stay
 * open. A missing base image is reported by the calls that need it, as `wrong-base`.
 * @throws PageferryError `bad-stream` when the file has no valid index, `limit` when a limit of the options
 *   is exceeded
 */
export async function openPages(file: PageSource, options: PageReaderOptions = {}): Promise<PageReader> {
  checkOptions('openPages', options, PAGE_READER_OPTION_TYPES);
  // A browser loads the page reader when it opens the first file.
  const { openWithMemory } = await import('./open-reader.js');
  return await openWithMemory(file, options);
}
