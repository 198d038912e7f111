import { isElfCore, openElfCore } from './elf-core.js';
import { type FileSource, openFileSource } from './file.js';

/** As much as it takes to know an ELF core by. */
const FIRST_BYTES = 64;

/**
 * Opens what a path holds: the memory in an ELF core file, else the file's own bytes as raw RAM. What can only be read in
 * order (a pipe, standard input) is raw: an ELF core there would be taken as the bytes that it is.
 * @throws PageferryError `io`; `bad-image` or `unsupported` for an ELF core that cannot be read
 */
export function openImage(path: string): FileSource {
  const raw = openFileSource(path);
  if (!raw.readAt) return raw;
  const first = new Uint8Array(FIRST_BYTES);
  let elf = false;
  try {
    elf = isElfCore(first.subarray(0, raw.readAt(first, 0)));
  } catch (cause) {
    raw.close();
    throw cause;
  }
  if (!elf) return raw;
  raw.close();
  return openElfCore(path);
}
