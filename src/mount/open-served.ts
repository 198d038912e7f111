import { closeSync, openSync, readSync } from 'node:fs';
import { directoryFormat } from '../image/directory-formats.js';
import { beginsAsStream } from '../image/first-bytes.js';
import { ioError } from '../image/fs/errno.js';
import { isHttpUrl } from '../image/http/http-file.js';
import { statInput } from '../image/image-file.js';
import { badArgument } from '../page/error.js';
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
   * For a thread that may not block: images whose bytes come over a network then have `later` in place of
   * `read` and `run`. Default false.
   */
  readonly isAsync?: boolean;
}

/**
 * Open the images of a specification: a store, a snapshot of it (STORE:NAME), a packed file, also on a web
 * server, or an image file of any format. @throws PageferryError
 */
export async function openServed(text: string, options: OpenServedOptions = {}): Promise<ServedImages> {
  const specification = isHttpUrl(text) ? undefined : readSpecification(text);
  if (specification?.kind === 'store') {
    refuseBases(text, 'a store', options);
    return await openStoreImages(specification.dir, specification.snapshot, { keyFile: options.keyFile });
  }
  if (options.keyFile !== undefined)
    throw badArgument(`${text}: a key file is for a store, and this is none`);
  if (!specification) return await openStreamImages(text, options);
  const { path } = specification;
  if (!directoryFormat(path)) {
    statInput(path);
    if (beginsAsStream(firstBytes(path))) return await openStreamImages(path, options);
  }
  refuseBases(text, 'an image', options);
  return await openUncodedImage(path, imageNames([path])[0]!);
}

/** Refuse base images, which only packed streams use. @throws PageferryError `bad-argument` */
function refuseBases(text: string, kind: string, { bases = [] }: OpenServedOptions): void {
  if (bases.length > 0)
    throw badArgument(`${text}: base images are for a packed stream, and this is ${kind}`);
}

/** Return the first bytes of a file, as many as the magic has. @throws PageferryError `io` */
function firstBytes(path: string): Uint8Array {
  const first = new Uint8Array(MAGIC.length);
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return first.subarray(0, readSync(file, first));
  } catch (cause) {
    throw ioError(path, 'cannot read', cause);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}
