import { checkOptions } from '../../page/options.js';
import type { PageSource } from '../../page/source.js';
import type { PageReader } from './page-reader.js';
import { PAGE_READER_OPTION_TYPES, type PageReaderOptions } from './reader-options.js';

/**
 * Open a packed file for reading single pages. Its source needs `readAt` and a known size, and must stay
 * open. A call that needs a missing base image throws `wrong-base`.
 * @throws PageferryError `bad-stream` if the file has no valid index, `limit` if it exceeds a limit of the
 *   options
 */
export async function openPages(file: PageSource, options: PageReaderOptions = {}): Promise<PageReader> {
  checkOptions('openPages', options, PAGE_READER_OPTION_TYPES);
  // A browser loads the page reader when it opens the first file.
  const { openWithMemory } = await import('./open-reader.js');
  return await openWithMemory(file, options);
}
