import { PageferryError } from '../page/error.js';
import { readAhead } from './read-ahead.js';

/** Bytes of a file, or of a file that is described by another one. */
export interface FileBytes {
  /** Path, for messages. */
  readonly path: string;
  readonly bytes: number;
  /** Fill `into` from `position` on; returns fewer bytes only at the end. @throws PageferryError `io` */
  readSync(into: Uint8Array, position: number): number;
}

type FileSize = Pick<FileBytes, 'path' | 'bytes'>;

/** Return the bytes of an open file. */
export function fileBytes(file: {
  readonly path: string;
  readonly bytes: number;
  readonly handle: Pick<FileBytes, 'readSync'>;
}): FileBytes {
  return { path: file.path, bytes: file.bytes, readSync: file.handle.readSync };
}

/** Read bytes that have to be there. @throws PageferryError `bad-image` if the file ends before, `io` */
export function readBytes(file: FileBytes, position: number, bytes: number, label: string): Uint8Array {
  if (!(position >= 0 && position + bytes <= file.bytes)) throw tooShort(file, position, bytes, label);
  const into = new Uint8Array(bytes);
  const count = file.readSync(into, position);
  if (count < bytes) throw tooShort(file, position, bytes, label);
  return into;
}

/**
 * Reads many records of a few bytes at ascending positions: in larger pieces, and all into the same bytes,
 * since an array and a view for each cost more than the rest.
 */
export class RecordBytes {
  /** The bytes of the record that was read last, and older ones after them. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  private readonly readSync: FileBytes['readSync'];

  /** `maxBytes`: bytes of the largest record. */
  constructor(
    private readonly file: FileBytes,
    maxBytes: number,
  ) {
    const buffer = new ArrayBuffer(maxBytes);
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.readSync = readAhead((into, position) => file.readSync(into, position));
  }

  /** Read a record that has to be there. @throws PageferryError as `readBytes` does */
  read(position: number, bytes: number, label: () => string): DataView {
    const { file } = this;
    const isIn = position >= 0 && position + bytes <= file.bytes;
    const into = bytes === this.bytes.length ? this.bytes : this.bytes.subarray(0, bytes);
    if (!isIn || this.readSync(into, position) < bytes) throw tooShort(file, position, bytes, label());
    return this.view;
  }
}

/** Return a view on bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Check that bytes are in a file that states where they are. @throws PageferryError `bad-image` */
export function checkInFile(file: FileSize, position: bigint, bytes: bigint, label: string): void {
  if (position + bytes > BigInt(file.bytes)) throw tooShort(file, position, bytes, label);
}

/** The error of a file that ends before what it has to hold. */
function tooShort(
  file: FileSize,
  position: number | bigint,
  bytes: number | bigint,
  label: string,
): PageferryError {
  return badImage(
    file.path,
    `${label}: ${bytes} bytes at ${position} end past the file's ${file.bytes}: it is truncated`,
  );
}

/** The error of a damaged file. */
export function badImage(path: string, problem: string): PageferryError {
  return new PageferryError('bad-image', `${path}: ${problem}`);
}

/** The error of a variant of a format that cannot be read. */
export function unsupportedImage(path: string, problem: string): PageferryError {
  return new PageferryError('unsupported', `${path}: ${problem}`);
}
