import type { ImageDetails } from '../image-details.js';
import type { FileSource } from '../image-file.js';

/** A format of images that are the files of a directory. */
export interface DirectoryFormat {
  /** Name for messages, docs and `openImage`'s option `format`. */
  readonly name: string;
  /** Description for help texts: a noun phrase. */
  readonly summary: string;
  /** Whether the content of a file begins at a multiple of 4096 bytes of the archive: files of pages. */
  isAligned(fileName: string): boolean;
  /** Names of symbolic links that a directory may have. */
  readonly links: readonly string[];
  /** Whether a directory has this format. @throws PageferryError `io` */
  detect(path: string): boolean;
  /**
   * Open the image. Its container describes the archive of the directory.
   * @throws PageferryError `bad-image`, `unsupported`, `limit`, `io`
   */
  open(path: string): FileSource;
  /** Describe the directory for `pageferry inspect`. @throws PageferryError as `open` does */
  inspect?(path: string): ImageDetails;
}
