// The archive that Linux unpacks as its first root file system: cpio in "newc" format, with numbers as eight
// hexadecimal digits, names and contents padded to 4 bytes
// (Documentation/driver-api/early-userspace/buffer-format.rst).
const MAGIC = '070701';
const DIRECTORY = 0o040755;
const CHARACTER_DEVICE = 0o020600;
const PROGRAM = 0o100755;
const LINK = 0o120777;

/** A file of the archive. */
export interface InitramfsFile {
  /** Path without the first slash. */
  readonly path: string;
  readonly content: Uint8Array;
  /** Whether it is a symbolic link, whose content is its target. */
  readonly isLink?: boolean;
}

/**
 * Return an archive whose first program is `init`, with the console as its standard output, and with further
 * files.
 */
export function initramfs(init: Uint8Array, files: readonly InitramfsFile[] = []): Buffer {
  const folders = new Set(files.flatMap(({ path }) => foldersOf(path)));
  return Buffer.concat([
    entry('dev', DIRECTORY),
    entry('dev/console', CHARACTER_DEVICE, undefined, [5, 1]),
    entry('init', PROGRAM, init),
    ...[...folders].map((path) => entry(path, DIRECTORY)),
    ...files.map(({ path, content, isLink }) => entry(path, isLink ? LINK : PROGRAM, content)),
    entry('TRAILER!!!', 0),
  ]);
}

/** "a/b/c" is in "a" and "a/b". */
function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, i) => parts.slice(0, i + 1).join('/'));
}

let inode = 1;

function entry(
  name: string,
  mode: number,
  content: Uint8Array = new Uint8Array(0),
  device: [number, number] = [0, 0],
): Buffer {
  const fields = [inode++, mode, 0, 0, 1, 0, content.length, 0, 0, ...device, Buffer.byteLength(name) + 1, 0];
  const head = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  return Buffer.concat([padded(Buffer.from(`${head}${name}\0`)), padded(content)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
