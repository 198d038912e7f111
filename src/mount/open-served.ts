import { closeSync, openSync, readSync } from 'node:fs';
import { directoryFormat } from '../image/directory-formats.js';
import { ioError } from '../image/fs/errno.js';
import { isHttpUrl } from '../image/http/http-file.js';
import { statInput } from '../image/image-file.js';
import { MAGIC } from '../stream/format.js';
import { imageNames } from './image-names.js';
import type { ServedImages } from './served-image.js';
import { readSpecification } from './specification.js';
import { openStoreImages } from './store-images.js';
import { openStreamImages } from './stream-images.js';
import { openUncodedImage } from './uncoded-images.js';

/** Options of {@link openServed}. */
export interface OpenServedOptions {
  /** Paths of base images that a stream refers to. */
  readonly bases?: readonly string[];
  /** Path of the key file of an encrypted store. */
  readonly keyFile?: string | undefined;
  /**
   * Whether the thread may not block: images whose bytes come over a network then have `later` in place of
   * `read` and `run`.
   */
  readonly isAsync?: boolean;
}

/**
 * Open what is to be served: a store, a snapshot of it (STORE:NAME), a packed file, also on a web server, or
 * an image file of any format. @throws PageferryError
 */
export async function openServed(text: string, options: OpenServedOptions = {}): Promise<ServedImages> {
  if (isHttpUrl(text)) return await openStreamImages(text, options);
  const specification = readSpecification(text);
  if (specification.kind === 'store')
    return await openStoreImages(specification.dir, specification.snapshot, { keyFile: options.keyFile });
  const { path } = specification;
  if (directoryFormat(path)) return openUncodedImage(path, imageNames([path])[0]!);
  statInput(path);
  return isStream(path)
    ? await openStreamImages(path, options)
    : openUncodedImage(path, imageNames([path])[0]!);
}

/** Whether a file begins as a packed stream does. */
function isStream(path: string): boolean {
  const first = new Uint8Array(MAGIC.length);
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return readSync(file, first) === first.length && MAGIC.every((byte, i) => first[i] === byte);
  } catch (cause) {
    throw ioError(path, 'cannot read', cause);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
