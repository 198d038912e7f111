import { zstdSet } from '../../src/codec/zstd/load.js';
import { openPages } from '../../src/engine/page-reader/open-pages.js';
import { openPagesIn } from '../../src/engine/page-reader/open-reader.js';
import type { PageReader } from '../../src/engine/page-reader/page-reader.js';
import { declarePageReader } from '../../src/engine/page-reader/reader-memory.js';
import { bytesSource } from '../../src/image/memory.js';
import { Arena } from '../../src/kernels/arena.js';
import { type Guarded, guardedKernels } from './guarded.js';
import type { Dice } from './mutate.js';
import { refused, watchedSink } from './sinks.js';
import { FRAME_BYTES, type SampleStream } from './stream-corpus.js';
import type { StreamInputs } from './stream-inputs.js';
import type { Tally } from './tally.js';

const LIMITS = { maxFrameBytes: FRAME_BYTES, maxImageBytes: 64 << 20, cacheBytes: 1 << 20 };

/** Feeds hostile streams, as files, to the reader of single pages; input n of a seed is always the same. */
export class FileDriver {
  private constructor(
    private readonly inputs: StreamInputs,
    private readonly guarded: Guarded,
  ) {}

  static async create(inputs: StreamInputs): Promise<FileDriver> {
    const arena = new Arena();
    declarePageReader(arena, zstdSet(null), LIMITS);
    return new FileDriver(inputs, await guardedKernels(arena.bytes + (1 << 20)));
  }

  /** @throws when a whole image is not an original, or anything but a PageferryError is thrown */
  async run(number: number, tally: Tally): Promise<void> {
    const { inputs, guarded } = this;
    const { bytes, bases, intact, dice } = inputs.make('file', number);
    const file = bytesSource(bytes, 'hostile file');
    guarded.rewind();
    let sound = true;
    const attempt = async (work: () => void | Promise<void>) => {
      try {
        await work();
      } catch (error) {
        // Of a file's many refusals the first one counts.
        if (sound) refused(error, tally);
        sound = false;
        if (intact) throw new Error(`lost "${intact.name}", which is intact`, { cause: error });
      }
      guarded.check();
    };
    let pages: PageReader | undefined;
    await attempt(async () => {
      pages = dice.oneIn(500)
        ? await openPages(file, { ...LIMITS, bases, zstd: inputs.zstd ?? null })
        : await openPagesIn(declarePageReader(guarded.kernels, zstdSet(inputs.zstd ?? null), LIMITS), file, {
            ...LIMITS,
            bases,
          });
    });
    if (pages) await this.readAll(pages, intact, dice, attempt);
    if (sound) tally.right++;
  }

  private async readAll(
    pages: PageReader,
    intact: SampleStream | undefined,
    dice: Dice,
    attempt: (work: () => void | Promise<void>) => Promise<void>,
  ): Promise<void> {
    const wrong: string[] = [];
    for (const [number, image] of pages.images.entries()) {
      for (let left = 3; left > 0 && image.pages > 0; left--) {
        const page = dice.below(image.pages);
        await attempt(() => {
          const content = pages.read(number, page);
          const from = page * pages.pageBytes;
          if (content.length !== Math.min(pages.pageBytes, image.bytes - from))
            wrong.push(`page ${page}: ${content.length} bytes`);
          const meant = intact?.images[number]?.subarray(from, from + content.length);
          if (meant && Buffer.compare(meant, content) !== 0)
            wrong.push(`page ${page} is not what was packed`);
        });
      }
      const sink = watchedSink();
      await attempt(async () => {
        await pages.extract(number, sink);
      });
      if (sink.state === 'open') wrong.push(`image ${number}: neither finished nor aborted`);
      if (sink.state === 'finished' && !this.inputs.isOriginal(sink.image()))
        wrong.push(`image ${number} is none of the originals`);
    }
    if (intact && pages.images.length !== intact.images.length) wrong.push(`${pages.images.length} images`);
    if (wrong.length > 0) throw new Error(wrong.join('; '));
  }
}
