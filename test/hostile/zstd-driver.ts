import { statusText } from '../../src/kernels/status.js';
import { createZstdKernels } from '../../testing/zstd-kernels.js';
import { agree, reference, type TestDecoder, testDecoder } from '../codec/zstd/decoder.js';
import { type Dice, diceOf, joined, mutate, noise } from './mutate.js';
import { makePage, PAGE_KINDS } from './pages.js';
import { count, type Tally } from './tally.js';

const SIZES = [0, 1, 5, 20, 64, 200, 300, 700, 1500, 4096, 9000, 70_000];
const LEVELS = [-5, 1, 3];
const MAX_BYTES = 1 << 18;
const CHECKSUM_FLAG = 4;
/** Bytes of a frame's header, at most: what comes after them are blocks. */
const HEADER_BYTES = 9;
/** Bytes of a block's header, its literals' header and its Huffman code, about. */
const TABLE_BYTES = 60;

interface Sample {
  readonly frame: Uint8Array;
  readonly content: Uint8Array;
}

/** Feeds hostile frames to the zstd decoder; input n of a seed is always the same. */
export class ZstdDriver {
  private constructor(
    private readonly seed: number,
    private readonly decoder: TestDecoder,
    private readonly samples: readonly Sample[],
  ) {}

  static async create(seed: number): Promise<ZstdDriver> {
    const encode = await sampleEncoder();
    const dice = diceOf(seed, 'zstd samples', 0);
    const samples = SIZES.flatMap((bytes) =>
      PAGE_KINDS.flatMap((kind) =>
        LEVELS.map((level) => {
          // Two kinds of pages in a frame, so that it needs more than one kind of table.
          const half = bytes >> 1;
          const content = joined(
            makePage(kind, half, dice),
            makePage(dice.pick(PAGE_KINDS), bytes - half, dice),
          );
          return { content, frame: encode(content, level, dice.oneIn(4)) };
        }),
      ),
    );
    return new ZstdDriver(seed, await testDecoder(MAX_BYTES), samples);
  }

  /** @throws when the decoder is wrong about input `number`, or breaks its contract */
  run(number: number, tally: Tally): void {
    const dice = diceOf(this.seed, 'zstd', number);
    const { frame, content } = dice.pick(this.samples);
    const intact = dice.oneIn(30);
    const input = intact ? frame : this.hostile(frame, dice);
    const capacity =
      intact || !dice.oneIn(6) ? content.length + dice.below(300) : dice.below(content.length + 9);
    const result = this.decode(input, capacity);
    if (intact && !agree(result, content)) throw new Error(`zstd: lost an intact frame: ${outcome(result)}`);
    // The reference implementation is slow: it checks a sample of the large inputs that are refused.
    if (typeof result !== 'number' || capacity < 10_000 || dice.oneIn(8)) {
      const meant = reference(input, capacity);
      if (!agree(result, meant))
        throw new Error(
          `zstd: gives ${outcome(result)}, its reference implementation ${outcome(meant)}, ${capacity} bytes`,
        );
    }
    if (typeof result !== 'number') {
      this.fixChecksum(input, result, capacity);
      tally.right++;
      return;
    }
    count(tally.errors, `zstd: ${statusText(result)}`);
    count(tally.messages, `zstd ${statusText(result)}`);
  }

  /** Decode twice, with different bytes around the input and in the output: the result must be the same. */
  private decode(input: Uint8Array, capacity: number): Uint8Array | number {
    const first = this.decoder.decode(input, capacity);
    const second = this.decoder.decode(input, capacity);
    if (typeof first === 'number' ? first !== second : !agree(first, second))
      throw new Error('zstd: the result depends on bytes that are not its input');
    return first;
  }

  private hostile(frame: Uint8Array, dice: Dice): Uint8Array {
    const kind = dice.below(20);
    if (kind === 0) return noise(dice.below(200), dice);
    if (kind === 1) return joined(frame, this.hostile(dice.pick(this.samples).frame, dice));
    if (kind < 8 || frame.length <= HEADER_BYTES) return mutate(frame, dice, dice.pick(this.samples).frame);
    // Bits behind the header, half of them where a first block has its tables: all lengths stay.
    const changed = frame.slice();
    for (let left = dice.oneIn(3) ? 3 : 1; left > 0; left--) {
      const near = Math.min(TABLE_BYTES, frame.length - HEADER_BYTES);
      const at = HEADER_BYTES + dice.below(dice.oneIn(2) ? near : frame.length - HEADER_BYTES);
      changed[at] = changed[at]! ^ (1 << dice.below(8));
    }
    return changed;
  }

  /** What is accepted without a checksum is accepted with the right one, and refused with a wrong one. */
  private fixChecksum(input: Uint8Array, content: Uint8Array, capacity: number): void {
    const isFrame = input.length > HEADER_BYTES && input[0] === 0x28 && (input[4]! & CHECKSUM_FLAG) === 0;
    if (!isFrame || content.length === 0 || content.length > 4096) return;
    const { bytes, run } = this.decoder;
    const at = bytes.length >> 1;
    bytes.set(content, at);
    const checksum = new Uint8Array(4);
    new DataView(checksum.buffer).setInt32(0, run.zstdChecksum(at, content.length), true);
    const fixed = joined(input.with(4, input[4]! | CHECKSUM_FLAG), checksum);
    const result = this.decode(fixed, capacity);
    // The first of several frames gets its checksum in the wrong place.
    if (typeof result !== 'number' && !agree(result, content))
      throw new Error('zstd: a checksum changes the content');
    const wrong = fixed.with(fixed.length - 1, fixed.at(-1)! ^ 1);
    if (typeof this.decode(wrong, capacity) !== 'number') throw new Error('zstd: accepts a wrong checksum');
  }
}

async function sampleEncoder(): Promise<
  (content: Uint8Array, level: number, checksum: boolean) => Uint8Array
> {
  const probe = await createZstdKernels(new WebAssembly.Memory({ initial: 1 }));
  const most = Math.max(...SIZES);
  const scratchBytes = Math.max(...LEVELS.map((level) => probe.zstdEncodeScratchBytes(level, most)));
  const src = Math.ceil((64 + scratchBytes) / 64) * 64;
  const out = src + most + (64 - (most % 64)) + 64;
  const memory = new WebAssembly.Memory({ initial: Math.ceil((out + 2 * most) / 65536) });
  const run = await createZstdKernels(memory);
  const bytes = new Uint8Array(memory.buffer);
  return (content, level, checksum) => {
    bytes.set(content, src);
    const coded = run.zstdEncode(src, content.length, out, 2 * most, level, checksum ? 1 : 0, 64);
    if (coded < 0) throw new Error(`zstd encoder: status ${coded}`);
    return bytes.slice(out, out + coded);
  };
}

function outcome(result: Uint8Array | number | string): string {
  return result instanceof Uint8Array
    ? `${result.length} bytes`
    : typeof result === 'number'
      ? `status ${result} (${statusText(result)})`
      : `"${result}"`;
}
