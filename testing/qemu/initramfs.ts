// The archive that Linux unpacks as its first root file system: cpio in "newc" format, with numbers as eight
// hexadecimal digits, names and contents padded to 4 bytes
// (Documentation/driver-api/early-userspace/buffer-format.rst).
const MAGIC = '070701';
const DIRECTORY = 0o040755;
const CHARACTER_DEVICE = 0o020600;
const PROGRAM = 0o100755;

/** Return an archive whose first program is `init`, with the console as its standard output. */
export function initramfs(init: Uint8Array): Buffer {
  return Buffer.concat([
    entry('dev', DIRECTORY),
    entry('dev/console', CHARACTER_DEVICE, undefined, [5, 1]),
    entry('init', PROGRAM, init),
    entry('TRAILER!!!', 0),
  ]);
}

let inode = 1;

function entry(
  name: string,
  mode: number,
  content: Uint8Array = new Uint8Array(0),
  device: [number, number] = [0, 0],
): Buffer {
  const fields = [inode++, mode, 0, 0, 1, 0, content.length, 0, 0, ...device, name.length + 1, 0];
  const head = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
  return Buffer.concat([padded(Buffer.from(`${head}${name}\0`)), padded(content)]);
}

function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}
