import { loadZstd } from '../../src/codec/zstd/load.js';
import type { Zstd } from '../../src/codec/zstd.js';
import type { PageSource } from '../../src/page/source.js';
import { testKernels } from '../support/kernels.js';
import { type Dice, diceOf } from './mutate.js';
import { makeCorpus, type SampleStream, sha } from './stream-corpus.js';
import { mutateStream } from './stream-mutate.js';
import { Signer } from './stream-parts.js';

/** One hostile stream, and what its receiver has. */
export interface StreamInput {
  readonly bytes: Uint8Array;
  readonly bases: readonly PageSource[];
  /** What the stream is, when nothing about it was changed. */
  readonly intact: SampleStream | undefined;
  /** For what is done with it. */
  readonly dice: Dice;
}

/** The hostile streams of a seed. */
export class StreamInputs {
  private constructor(
    private readonly seed: number,
    readonly zstd: Zstd | undefined,
    private readonly signer: Signer,
    readonly corpus: readonly SampleStream[],
    private readonly originals: ReadonlySet<string>,
  ) {}

  static async create(seed: number): Promise<StreamInputs> {
    const zstd = await loadZstd();
    const signer = new Signer(await testKernels(24 << 20), zstd);
    const corpus = await makeCorpus(seed, zstd, signer);
    return new StreamInputs(
      seed,
      zstd,
      signer,
      corpus,
      new Set(corpus.flatMap(({ images }) => images.map(sha))),
    );
  }

  make(kind: string, number: number): StreamInput {
    const dice = diceOf(this.seed, kind, number);
    const sample = dice.pick(this.corpus);
    const unchanged = dice.oneIn(40);
    const otherBases = dice.oneIn(40);
    const bytes = unchanged ? sample.bytes : mutateStream(sample, dice.pick(this.corpus), dice, this.signer);
    const { bases } = otherBases ? dice.pick(this.corpus) : sample;
    return { bytes, bases, intact: unchanged && bases === sample.bases ? sample : undefined, dice };
  }

  /**
   * Whether an image is one that a stream of the corpus carries: streams can be spliced, images cannot be
   * made up.
   */
  isOriginal(image: Uint8Array): boolean {
    return this.originals.has(sha(image));
  }
}
