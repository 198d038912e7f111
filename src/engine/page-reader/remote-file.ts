import { badArgument } from '../../page/error.js';
import { RECORD_HEAD_BYTES } from '../../stream/format.js';
import { readRecordHead } from '../../stream/records.js';
import type { ReadableBytes } from './record-reader.js';

/** Minimum bytes of a fetch while a file is opened: image records, index and trailer are small. */
const MIN_FETCH_BYTES = 64 << 10;
/** Maximum bytes of a fetch while a file is opened, except for a longer record. */
const MAX_FETCH_BYTES = 4 << 20;
/** Maximum number of ranges that are kept: the file's beginning and end, and two others. */
const MAX_WINDOWS = 4;

/** A packed file whose bytes come over a network. */
export interface RemoteFile {
  /** Name for messages. */
  readonly name: string;
  readonly bytes: number;
  /** Return `bytes` bytes at `position`; the range lies in the file. @throws PageferryError */
  fetch(position: number, bytes: number): Promise<Uint8Array>;
  /** As `fetch`, blocking the thread. Absent: only the asynchronous calls of a page reader work. */
  fetchSync?(position: number, bytes: number): Uint8Array;
}

/** Bytes of a file from `position` on. */
class ByteWindow implements ReadableBytes {
  constructor(
    readonly name: string,
    readonly position: number,
    readonly bytes: Uint8Array,
  ) {}

  has(position: number, bytes: number): boolean {
    return position >= this.position && position + bytes <= this.position + this.bytes.length;
  }

  readAt(into: Uint8Array, position: number): number {
    const from = position - this.position;
    const bytes = from < 0 ? new Uint8Array(0) : this.bytes.subarray(from, from + into.length);
    into.set(bytes);
    return bytes.length;
  }
}

/** Ranges of a remote file that were fetched, for synchronous reads while the file is opened. */
export class RemoteWindows implements ReadableBytes {
  private readonly windows: ByteWindow[] = [];

  constructor(private readonly file: RemoteFile) {}

  get name(): string {
    return this.file.name;
  }

  /** Fetch the record head and head at `position`, as far as the file has them. @throws PageferryError */
  async load(position: number): Promise<void> {
    await this.loadBytes(position, RECORD_HEAD_BYTES);
    const head = new Uint8Array(RECORD_HEAD_BYTES);
    if (position === 0 || this.readAt(head, position) < RECORD_HEAD_BYTES) return;
    const { headBytes } = readRecordHead(head, 'images', `record at ${position}`);
    await this.loadBytes(position, RECORD_HEAD_BYTES + headBytes);
  }

  readAt(into: Uint8Array, position: number): number {
    const window = this.windows.find((loaded) => loaded.has(position, into.length));
    return window ? window.readAt(into, position) : 0;
  }

  /** Fetch bytes, as far as the file has them, with read-ahead that doubles on sequential reads. */
  private async loadBytes(position: number, bytes: number): Promise<void> {
    const { windows, file } = this;
    if (position < 0 || position >= file.bytes) return;
    const wanted = Math.min(bytes, file.bytes - position);
    if (windows.some((window) => window.has(position, wanted))) return;
    const last = windows.at(-1);
    const ahead = last?.has(position, 0) ? Math.min(MAX_FETCH_BYTES, 2 * last.bytes.length) : MIN_FETCH_BYTES;
    // Near the end of the file, fetch the bytes before too: the index and the end record are there.
    const count = Math.min(Math.max(wanted, ahead), file.bytes);
    windows.push(await fetchWindow(file, Math.min(position, file.bytes - count), count));
    if (windows.length > MAX_WINDOWS) windows.shift();
  }
}

/** Fetch bytes of a remote file. @throws PageferryError */
export async function fetchWindow(file: RemoteFile, position: number, bytes: number): Promise<ByteWindow> {
  return checkedWindow(file, position, bytes, await file.fetch(position, bytes));
}

/** As `fetchWindow`, blocking. */
export function fetchWindowSync(file: RemoteFile, position: number, bytes: number): ByteWindow {
  return checkedWindow(file, position, bytes, file.fetchSync!(position, bytes));
}

function checkedWindow(file: RemoteFile, position: number, bytes: number, found: Uint8Array): ByteWindow {
  if (found instanceof Uint8Array && found.length === bytes)
    return new ByteWindow(file.name, position, found);
  const returned = found instanceof Uint8Array ? `${found.length} bytes` : typeof found;
  throw badArgument(`${file.name}: fetch returned ${returned}, expected ${bytes} bytes at ${position}`);
}
