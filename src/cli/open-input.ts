import { loadImage } from '../image/formats.js';
import type { FileSource } from '../image/image-file.js';
import { createProgressLine } from './progress.js';

/**
 * Open an image of a command line in its format, or in the one that `--format` names; decompressing shows
 * progress. @throws as `loadImage` does
 */
export async function openInput(
  path: string,
  format: string | undefined,
  signal: AbortSignal,
): Promise<FileSource> {
  const line = createProgressLine('decompressing');
  const options = { signal, onProgress: line.onBytes };
  return await loadImage(path, format === undefined ? options : { ...options, format }).finally(line.end);
}
