import { zstdSet } from '../../src/codec/zstd/load.js';
import { createDecoder, declareDecoder } from '../../src/engine/decode/create-decoder.js';
import type { Decoder, DecodeSummary } from '../../src/engine/decode/decoder.js';
import { Arena } from '../../src/kernels/arena.js';
import { type Guarded, guardedKernels } from './guarded.js';
import type { Dice } from './mutate.js';
import { refused, type WatchedSink, watchedSink } from './sinks.js';
import { FRAME_BYTES, type SampleStream } from './stream-corpus.js';
import type { StreamInputs } from './stream-inputs.js';
import type { Tally } from './tally.js';

const LIMITS = { maxFrameBytes: FRAME_BYTES, maxImageBytes: 64 << 20 };

/** Feeds hostile streams to the decoder; input n of a seed is always the same. */
export class StreamDriver {
  private constructor(
    private readonly inputs: StreamInputs,
    private readonly guarded: Guarded,
  ) {}

  static async create(inputs: StreamInputs): Promise<StreamDriver> {
    const arena = new Arena();
    await declareDecoder(arena, zstdSet(null), watchedSink, LIMITS);
    return new StreamDriver(inputs, await guardedKernels(arena.bytes + (1 << 20)));
  }

  /** @throws when input `number` gives anything but the originals or a PageferryError */
  async run(number: number, tally: Tally): Promise<void> {
    const { inputs, guarded } = this;
    const { bytes, bases, intact, dice } = inputs.make('stream', number);
    const { zstd } = inputs;
    const sinks: WatchedSink[] = [];
    const openSink = () => {
      const sink = watchedSink();
      sinks.push(sink);
      return sink;
    };
    guarded.rewind();
    // Most inputs share one memory; some use the public factory.
    const decoder = dice.oneIn(500)
      ? await createDecoder(openSink, { ...LIMITS, bases, zstd: zstd ?? null })
      : await declareDecoder(guarded.kernels, zstdSet(zstd ?? null), openSink, { ...LIMITS, bases });
    let summary: DecodeSummary | undefined;
    try {
      await feed(decoder, bytes, dice);
      summary = await decoder.finish();
    } catch (error) {
      refused(error, tally);
    }
    guarded.check();
    if (summary) {
      this.accepted(summary, sinks);
      tally.right++;
    } else if (sinks.some(({ state }) => state !== 'aborted'))
      throw new Error('refused the stream and left an image behind');
    if (intact && !(summary && sameImages(sinks, intact)))
      throw new Error(`lost "${intact.name}", which is intact`);
  }

  private accepted({ images }: DecodeSummary, sinks: readonly WatchedSink[]): void {
    if (images.length !== sinks.length)
      throw new Error(`${images.length} images in the summary, ${sinks.length} in sinks`);
    for (const [i, sink] of sinks.entries()) {
      if (sink.state !== 'finished')
        throw new Error(`image ${i} is ${sink.state} in a stream that was accepted`);
      const image = sink.image();
      if (image.length !== images[i]!.bytes)
        throw new Error(`image ${i}: ${image.length} bytes, not ${images[i]!.bytes}`);
      if (!this.inputs.isOriginal(image))
        throw new Error(`image ${i}, ${image.length} bytes, is none of the originals`);
    }
  }
}

/** Pushes a stream in pieces. */
async function feed(decoder: Decoder, bytes: Uint8Array, dice: Dice): Promise<void> {
  const most = dice.pick([bytes.length, bytes.length, 20_000, 700, 40]);
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + 1 + dice.below(most));
    await decoder.push(piece);
    at += piece.length;
  }
}

function sameImages(sinks: readonly WatchedSink[], { images }: SampleStream): boolean {
  return (
    images.length === sinks.length &&
    images.every((image, i) => Buffer.compare(image, sinks[i]!.image()) === 0)
  );
}
