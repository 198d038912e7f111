import { isElfCore, openElfCore } from './elf-core/elf-core.js';
import { isQemuStream, openQemuStream } from './qemu-migration/qemu-migration.js';
import { type FileSource, openFileSource } from './raw.js';

/** As much as it takes to know an ELF core by. */
const FIRST_BYTES = 64;

/**
 * Opens what a path holds: the memory in an ELF core file, the RAM in a saved migration stream of QEMU, else the file's own bytes as
 * raw RAM. What can only be read in order (a pipe, standard input) is raw: anything else there would be taken as the bytes that it is.
 * @throws PageferryError `io`; `bad-image`, `unsupported` or `limit` for a core or a stream that cannot be read
 */
export function openImage(path: string): FileSource {
  const raw = openFileSource(path);
  if (!raw.readAt) return raw;
  let first = new Uint8Array(FIRST_BYTES);
  try {
    first = first.subarray(0, raw.readAt(first, 0));
  } catch (cause) {
    raw.close();
    throw cause;
  }
  const open = isElfCore(first) ? openElfCore : isQemuStream(first) ? openQemuStream : undefined;
  if (!open) return raw;
  raw.close();
  return open(path);
}
