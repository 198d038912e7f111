import { zstdSet } from '../../codec/zstd/load.js';
import { Arena } from '../../kernels/arena.js';
import { badArgument, PageferryError } from '../../page/error.js';
import { type IndexEntry, MAX_FRAME_HEAD_BYTES, RECORD_HEAD_BYTES } from '../../stream/format.js';
import { packedLimit } from '../unpack/frame-decoder.js';
import type { FrameMap } from './frame-map.js';
import { openReader } from './open-reader.js';
import { PageReader } from './page-reader.js';
import { PageResolver } from './page-resolver.js';
import { declarePageReader } from './reader-memory.js';
import type { PageReaderOptions } from './reader-options.js';
import { fetchWindow, fetchWindowSync, type RemoteFile, RemoteWindows } from './remote-file.js';

/**
 * Open a packed file whose bytes come over a network. Opening fetches the index; a read fetches the frames
 * that its pages need, each with one request.
 * @throws PageferryError as `openPages` does
 */
export async function openRemotePages(
  file: RemoteFile,
  options: PageReaderOptions = {},
): Promise<RemotePageReader> {
  const arena = new Arena();
  const memory = declarePageReader(arena, zstdSet(options.zstd), options);
  await arena.allocate();
  return await openReader(
    memory,
    new RemoteWindows(file),
    file.bytes,
    options,
    (...args) => new RemotePageReader(file, args),
  );
}

/** Thrown when a page needs a frame that must be fetched first. */
class FrameNeeded extends PageferryError {
  constructor(
    name: string,
    readonly image: number,
    readonly entry: IndexEntry,
  ) {
    super('bad-argument', `${name}: its bytes come over a network; read its pages with readInto`);
  }
}

/** A page reader that fetches frames when they are needed. */
export class RemotePageReader extends PageReader {
  private readonly fetching = new Map<IndexEntry, Promise<FrameMap>>();
  /** Offsets of all frames, ascending. */
  private readonly offsets: Float64Array;

  constructor(
    private readonly file: RemoteFile,
    args: ConstructorParameters<typeof PageReader>,
  ) {
    super(...args);
    const frames = this.index.images.flatMap((image) => image.frames);
    this.offsets = Float64Array.from(frames, ({ offset }) => offset).sort();
  }

  /**
   * Fill `out` with bytes of an image from `offset` on; the range must lie in the image. Several calls may
   * run at the same time. The content of `out` is undefined after a failure.
   * @throws PageferryError as `read` does; the error of the fetch
   */
  async readInto(image: number, out: Uint8Array, offset: number): Promise<void> {
    this.checkOpen('readInto');
    const { bytes } = this.imageOf(image);
    if (!(Number.isSafeInteger(offset) && offset >= 0 && offset + out.length <= bytes))
      throw badArgument(`image ${image}: ${out.length} bytes at ${offset}: the image has ${bytes}`);
    const { pageBytes, memory } = this;
    // Keep the last fetched frame, even if the cache evicts it meanwhile: so every fetch makes progress.
    let fetched: { readonly entry: IndexEntry; readonly map: FrameMap } | undefined;
    const frameOf = (number: number, page: number) =>
      fetched && this.index.frameOf(number, page) === fetched.entry
        ? fetched.map
        : this.frameOf(number, page);
    const resolver = new PageResolver({ ...this.context, frameOf });
    for (let done = 0; done < out.length; ) {
      const at = offset + done;
      const page = Math.floor(at / pageBytes);
      resolver.begin(this.numbers[image]!, page);
      for (let needed = advance(resolver); needed; needed = advance(resolver)) {
        fetched = { entry: needed.entry, map: await this.fetchFrame(needed) };
        this.checkOpen('readInto');
      }
      resolver.decode(memory.page);
      const from = at - page * pageBytes;
      const count = Math.min(pageBytes - from, out.length - done);
      out.set(memory.slots.kernels.bytes.subarray(memory.page + from, memory.page + from + count), done);
      done += count;
    }
  }

  /** As `run`, after fetching the frame if needed. */
  async runLater(image: number, page: number): Promise<{ readonly pages: number; readonly zero: boolean }> {
    try {
      return this.run(image, page);
    } catch (error) {
      if (!(error instanceof FrameNeeded)) throw error;
      return (await this.fetchFrame(error)).run(page);
    }
  }

  protected override loadFrame(image: number, entry: IndexEntry): FrameMap {
    const { file } = this;
    if (!file.fetchSync) throw new FrameNeeded(file.name, image, entry);
    return this.unpackFrame(image, entry, fetchWindowSync(file, entry.offset, this.recordBytes(entry)));
  }

  /** Fetch a frame; concurrent calls for the same frame share one request. */
  private async fetchFrame({ image, entry }: FrameNeeded): Promise<FrameMap> {
    const pending = this.fetching.get(entry);
    if (pending) return await pending;
    const fetched = fetchWindow(this.file, entry.offset, this.recordBytes(entry)).then((window) =>
      this.unpackFrame(image, entry, window),
    );
    this.fetching.set(entry, fetched);
    try {
      return await fetched;
    } finally {
      this.fetching.delete(entry);
    }
  }

  /** Return the bytes from a frame's record to the next frame: the record, and other records between them. */
  private recordBytes({ offset }: IndexEntry): number {
    const { offsets, file, index } = this;
    let [low, high] = [0, offsets.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (offsets[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    const maxBytes = RECORD_HEAD_BYTES + MAX_FRAME_HEAD_BYTES + packedLimit(index.header.maxFrameBytes);
    return Math.min((offsets[low] ?? file.bytes) - offset, maxBytes);
  }
}

/**
 * Let a resolver follow all references; return the frame that must be fetched first, if any.
 * @throws PageferryError
 */
function advance(resolver: PageResolver): FrameNeeded | undefined {
  try {
    resolver.advance(Infinity);
    return undefined;
  } catch (error) {
    if (error instanceof FrameNeeded) return error;
    throw error;
  }
}
