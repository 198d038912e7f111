import { STATUS, statusText } from '../../src/kernels/status.js';
import { KernelRig, OUT_BYTES, SOURCE_BYTES } from './kernel-rig.js';
import { SEGMENT, SUBJECTS, type Subject } from './kernel-subjects.js';
import { type Dice, diceOf, joined, mutate, noise } from './mutate.js';
import { dirtied, makePage, PAGE_KINDS } from './pages.js';
import { count, type Tally } from './tally.js';

/** Mostly small sizes, where every boundary is near. */
const SIZES = [
  1, 2, 3, 4, 7, 15, 16, 17, 32, 63, 64, 65, 80, 127, 128, 129, 160, 255, 256, 300, 512, 1000, 1024, 2048,
  4095, 4096, 4096, 4096, 4097, 16384, 65536, 65535,
];
const SEGMENT_SIZES = [1, 64, 300, 4096, 16384, 65535, 65536, 65537, 131172];

interface Sample {
  readonly page: Uint8Array;
  readonly base: Uint8Array;
  readonly coded: Uint8Array;
}

/** Feeds hostile inputs to the codecs' kernels; input n of a seed is always the same. */
export class KernelDriver {
  private constructor(
    private readonly seed: number,
    private readonly rig: KernelRig,
    private readonly samples: ReadonlyMap<string, readonly Sample[]>,
  ) {}

  static async create(seed: number): Promise<KernelDriver> {
    const rig = await KernelRig.create();
    const dice = diceOf(seed, 'kernel samples', 0);
    const samples = new Map<string, Sample[]>(SUBJECTS.map(({ name }) => [name, []]));
    for (const bytes of SIZES)
      for (const kind of PAGE_KINDS) {
        const page = makePage(kind, bytes, dice);
        const base = dirtied(page, dice);
        for (const subject of SUBJECTS) {
          const coded = rig.encode(subject, page, base, OUT_BYTES, dice);
          if (typeof coded !== 'number') samples.get(subject.name)!.push({ page, base, coded });
        }
      }
    const segments = SEGMENT_SIZES.flatMap((bytes) => PAGE_KINDS.map((kind) => makePage(kind, bytes, dice)));
    samples.set(
      SEGMENT.name,
      segments.map((page) => ({ page, base: page, coded: rig.pack(page) })),
    );
    return new KernelDriver(seed, rig, samples);
  }

  /** @throws when a kernel is wrong about input `number`, or breaks its contract */
  run(number: number, tally: Tally): void {
    const dice = diceOf(this.seed, 'kernel', number);
    const subject = dice.oneIn(16) ? undefined : dice.pick(SUBJECTS);
    try {
      if (subject && dice.oneIn(5)) this.encode(subject, dice, tally);
      else this.decode(subject ?? SEGMENT, dice, tally);
    } catch (error) {
      throw new Error(`${(subject ?? SEGMENT).name}: ${error instanceof Error ? error.message : error}`, {
        cause: error,
      });
    }
  }

  private decode(subject: Pick<Subject, 'name' | 'decode' | 'reference'>, dice: Dice, tally: Tally): void {
    const samples = this.samples.get(subject.name)!;
    const { page, base, coded } = dice.pick(samples);
    const intact = dice.oneIn(20);
    const input = intact ? coded : this.hostile(coded, samples, dice).subarray(0, SOURCE_BYTES);
    const pageBytes = intact || !dice.oneIn(8) ? page.length : otherSize(page.length, dice);
    const under = subject.name === 'xbzrle' ? resized(base, pageBytes) : undefined;
    const result = this.rig.decode(subject.decode, input, pageBytes, under, dice);
    if (intact && (typeof result === 'number' || Buffer.compare(result, page) !== 0))
      throw new Error('lost an intact page');
    // The reference implementations are slow: they check a sample of the large inputs that are refused.
    if (pageBytes > 0 && (typeof result !== 'number' || pageBytes <= 4097 || dice.oneIn(8))) {
      const meant = subject.reference(input, pageBytes, under ?? page);
      const agree =
        typeof result === 'number' || typeof meant === 'number'
          ? typeof result === typeof meant
          : Buffer.compare(result, meant) === 0;
      if (!agree)
        throw new Error(
          `gives ${outcome(result)}, its reference implementation ${outcome(meant)}, for ${pageBytes} bytes`,
        );
    }
    take(result, subject.name, tally);
  }

  private hostile(coded: Uint8Array, samples: readonly Sample[], dice: Dice): Uint8Array {
    const kind = dice.below(20);
    if (kind < 3) return noise(dice.below(dice.oneIn(4) ? 5000 : 200), dice);
    if (kind === 3) return dice.pick(this.samples.get(dice.pick(SUBJECTS).name)!).coded;
    return mutate(coded, dice, dice.pick(samples).coded);
  }

  /**
   * Encoders get no hostile input, but every capacity: an output that fits does not depend on the capacity,
   * one that does not fit is refused.
   */
  private encode(subject: Subject, dice: Dice, tally: Tally): void {
    const sample = dice.pick(this.samples.get(subject.name)!);
    const page = dice.oneIn(2)
      ? sample.page
      : resized(mutate(sample.page, dice, sample.base), sample.page.length);
    const whole = this.rig.encode(subject, page, sample.base, OUT_BYTES, dice);
    if (typeof whole === 'number') throw new Error(`cannot code ${page.length} bytes at all`);
    const back = this.rig.decode(
      subject.decode,
      whole,
      page.length,
      subject.delta ? sample.base : undefined,
      dice,
    );
    if (typeof back === 'number' || Buffer.compare(back, page) !== 0)
      throw new Error(`lost a page: ${outcome(back)}`);
    const near = [
      whole.length,
      whole.length - 1,
      whole.length + dice.below(80),
      whole.length - dice.below(80),
    ];
    const capacity = Math.max(0, dice.oneIn(2) ? dice.pick(near) : dice.below(whole.length + 2));
    const capped = this.rig.encode(subject, page, sample.base, capacity, dice);
    const right =
      capacity < whole.length
        ? capped === STATUS.OUTPUT_FULL
        : typeof capped !== 'number' && Buffer.compare(capped, whole) === 0;
    if (!right)
      throw new Error(
        `${outcome(capped)} with a capacity of ${capacity}, ${whole.length} bytes with enough capacity`,
      );
    take(capped, `${subject.name} encoder`, tally);
  }
}

function otherSize(bytes: number, dice: Dice): number {
  const near = [
    bytes - 1,
    bytes + 1,
    bytes + 16,
    bytes - 16,
    bytes >>> 1,
    dice.pick(SIZES),
    dice.below(4097),
    0,
  ];
  return Math.min(65536, Math.max(0, dice.pick(near)));
}

function resized(bytes: Uint8Array, size: number): Uint8Array {
  return bytes.length >= size ? bytes.subarray(0, size) : joined(bytes, new Uint8Array(size - bytes.length));
}

function take(result: Uint8Array | number, name: string, tally: Tally): void {
  if (typeof result !== 'number') {
    tally.right++;
    return;
  }
  const text = statusText(result);
  count(tally.errors, `kernel: ${text}`);
  count(tally.messages, `${name} ${text}`);
}

function outcome(result: Uint8Array | number): string {
  return typeof result === 'number' ? `status ${result} (${statusText(result)})` : `${result.length} bytes`;
}
