import type { GroupView, Packing, PackingResult } from '../strategy.js';
import { Beliefs, type FactorPrior } from './belief.js';
import { CLASSES, CODED_CLASS, INITIAL, initialRatio, initialShape, packageFactor } from './initial-costs.js';

/** Expected cost of packing a group. */
export interface ExpectedCost {
  ms: number;
  bytes: number;
}

/** A packing, its initial cost and the numbers of the factors that correct it, by class of groups. */
export interface PackingOption {
  readonly packing: Packing;
  /** Initial ms per MiB, and packed bytes against the estimate. */
  msPerMiB: number;
  readonly ratio: number;
  readonly costFactors: readonly (readonly number[])[];
  readonly sizeFactors: readonly (readonly number[])[];
}

const MIB = 1 << 20;
/** Priors: the machine's speed, families of packings, single packings, kinds of data. */
const SPEED: FactorPrior = { variance: 1.5, growthPerMs: 1e-4 };
const FAMILY: FactorPrior = { variance: 0.06, growthPerMs: 4e-6 };
const OPTION: FactorPrior = { variance: 0.03, growthPerMs: 1e-5 };
const KIND: FactorPrior = { variance: 0.3, growthPerMs: 4e-5 };
/** Variances of one result: groups of the same kind differ, and short times are measured less exactly. */
const NOISE = 0.03;
const MAX_NOISE = 0.3;
/** Weight of one result in the measured variance of results. */
const NOISE_WEIGHT = 0.05;
const CLOCK_MS = 0.05;
/** Incompressible groups tell little about the cost of others. */
const INCOMPRESSIBLE_FROM = 0.9;
const INCOMPRESSIBLE_NOISE = 0.2;
/** Square of the deviations beyond which two results in a row are a change of speed. */
const SURPRISE = 6;
/** Packed ratio that is assumed where a packing saved nothing. */
const NO_GAIN_RATIO = 1.05;
const NO_GAIN_NOISE = 0.005;
/** Smaller results measure overhead more than packing. */
const MIN_BYTES = 65536;
/** Variance of the speed as the cost of the other stages shows it before anything is packed. */
const FLOOR_NOISE = 0.5;
/** Largest logarithm of that cost that counts: the first pages pay for the start of the program. */
const MAX_FLOOR = Math.log(10);
/** Storing is bound by memory, so that it tells little about the speed of packing. */
const RAW_NOISE = 0.5;

/** Numbers of the factors: speed, the family zstd, then one for each class and each option. */
const SPEED_FACTOR = 0;
const FAMILY_FACTOR = 1;
const CLASS_FACTOR = 2;
const OPTION_FACTOR = CLASS_FACTOR + CLASSES.length;
const priors = (first: FactorPrior) => [
  first,
  FAMILY,
  ...CLASSES.map(() => KIND),
  ...INITIAL.map(() => OPTION),
];

function createOption([packing, msPerMiB, ratio]: (typeof INITIAL)[number], i: number): PackingOption {
  const own = [OPTION_FACTOR + i, ...(packing.name === 'zstd' ? [FAMILY_FACTOR] : [])];
  const factors = (kind: number) => (packing.name === 'raw' ? [] : [...own, CLASS_FACTOR + kind]);
  const cost = (kind: number) => [SPEED_FACTOR, ...(packing.name === 'raw' ? own : factors(kind))];
  return {
    packing,
    msPerMiB,
    ratio,
    costFactors: CLASSES.map((_, kind) => cost(kind)),
    sizeFactors: CLASSES.map((_, kind) => factors(kind)),
  };
}

/** Beliefs about the cost and the size of all packings. */
export class PackingCosts {
  readonly options: readonly PackingOption[] = INITIAL.map(createOption);
  private readonly cost = new Beliefs(priors(SPEED));
  private readonly size = new Beliefs(priors({ variance: 0, growthPerMs: 0 }));
  /** Measured variances of results. */
  private costNoise = NOISE;
  private sizeNoise = NOISE;
  private readonly expected: ExpectedCost = { ms: 0, bytes: 0 };
  private nowMs = 0;
  private isZstdKnown = false;
  private isSpeedKnown = false;
  /** Sign of the last result's difference if it was larger than expected by far, else 0. */
  private surprise = 0;

  /** Adjusts the initial estimates to the zstd implementation; only the first call counts. */
  useZstd(zstdName: string | undefined): void {
    if (this.isZstdKnown) return;
    this.isZstdKnown = true;
    for (const option of this.options) option.msPerMiB *= packageFactor(option.packing, zstdName);
  }

  /** How much more time this machine takes than the one of the initial costs. */
  get slowness(): number {
    return this.cost.product([SPEED_FACTOR]);
  }

  /** Starts the belief about speed from the cost of other stages, `ratio` times the usual one. */
  useFloor(ratio: number): void {
    const logarithm = Math.max(-MAX_FLOOR, Math.min(MAX_FLOOR, Math.log(ratio)));
    if (!this.isSpeedKnown && ratio > 0) this.cost.learn([SPEED_FACTOR], logarithm, FLOOR_NOISE);
    this.isSpeedKnown = true;
  }

  /** Lets the beliefs age up to `nowMs` of the stream. */
  ageUntil(nowMs: number): void {
    const ms = nowMs - this.nowMs;
    if (ms <= 0) return;
    this.nowMs = nowMs;
    this.cost.age(ms);
    this.size.age(ms);
  }

  /**
   * Returns the expected cost of an option for `bytes` of a class whose estimated ratio is `estimate`. The
   * object is reused by the next call.
   */
  expect(option: PackingOption, bytes: number, kind: number, estimate: number): ExpectedCost {
    const { expected } = this;
    const { name } = option.packing;
    expected.bytes = bytes;
    expected.ms = (bytes / MIB) * option.msPerMiB * this.cost.product(option.costFactors[kind]!);
    if (name === 'raw') return expected;
    expected.ms *= initialShape(name, estimate);
    const ratio = initialRatio(option.ratio, estimate) * this.size.product(option.sizeFactors[kind]!);
    expected.bytes = bytes * Math.min(1, ratio);
    return expected;
  }

  /**
   * Returns how much a result of an option may move what it costs against another one: the variances of the
   * logarithms of time and bytes. The object is reused by the next call.
   */
  moveBy(option: PackingOption, other: PackingOption, kind: number): ExpectedCost {
    const { expected } = this;
    expected.ms = this.cost.moveBy(option.costFactors[kind]!, other.costFactors[kind]!, this.costNoise);
    expected.bytes = this.size.moveBy(option.sizeFactors[kind]!, other.sizeFactors[kind]!, this.sizeNoise);
    return expected;
  }

  /** Returns the option of a packing. */
  optionOf({ name, level }: Packing): PackingOption | undefined {
    return this.options.find(({ packing }) => packing.name === name && packing.level === level);
  }

  /** Corrects the beliefs by a result; `ms` as the throughput is counted: CPU time, or elapsed time. */
  learn({ packing, group, packedBytes }: PackingResult, ms: number): void {
    const option = this.optionOf(packing);
    if (!option || group.bytes < MIN_BYTES || !(ms > 0)) return;
    const isRaw = packing.name === 'raw';
    const { kind, estimate } = isRaw ? { kind: 0, estimate: 1 } : classOf(group);
    const expected = this.expect(option, group.bytes, kind, estimate);
    const slower = Math.log(ms / expected.ms);
    // A packing that saves nothing would have needed more than the group.
    const actualBytes = packedBytes < group.bytes ? packedBytes : NO_GAIN_RATIO * group.bytes;
    const larger = Math.log(actualBytes / expected.bytes);
    const noise = this.costNoise + (CLOCK_MS / ms) ** 2 + otherNoise(isRaw, estimate);
    const factors = option.costFactors[kind]!;
    const costVariance = this.cost.variance(factors);
    this.noteSurprise(slower, costVariance + noise);
    this.cost.learn(factors, slower, noise);
    if (isRaw) return;
    const sizeFactors = option.sizeFactors[kind]!;
    const sizeVariance = this.size.variance(sizeFactors);
    this.size.learn(sizeFactors, larger, packedBytes < group.bytes ? this.sizeNoise : NO_GAIN_NOISE);
    this.costNoise = withResult(this.costNoise, slower, costVariance);
    this.sizeNoise = withResult(this.sizeNoise, larger, sizeVariance);
  }

  /** Doubts the speed when two results in a row are far from what was expected, to the same side. */
  private noteSurprise(logarithm: number, variance: number): void {
    const surprise = logarithm ** 2 > SURPRISE * variance ? Math.sign(logarithm) : 0;
    if (surprise !== 0 && surprise === this.surprise) this.cost.widen(SPEED_FACTOR, logarithm ** 2);
    this.surprise = surprise;
  }
}

/** Returns the class of a group and its estimated ratio. Coded groups have none. */
export function classOf({ kind, bytes, estimatedBytes }: GroupView): { kind: number; estimate: number } {
  if (kind === 'coded') return { kind: CODED_CLASS, estimate: CLASSES[CODED_CLASS]! };
  const estimate = Math.min(1, estimatedBytes / bytes);
  return { kind: CLASSES.findIndex((below) => estimate < below), estimate };
}

function otherNoise(isRaw: boolean, estimate: number): number {
  if (isRaw) return RAW_NOISE;
  return estimate > INCOMPRESSIBLE_FROM ? INCOMPRESSIBLE_NOISE : 0;
}

/** Returns the measured variance of results after one more, whose difference the beliefs did not exclude. */
function withResult(noise: number, logarithm: number, variance: number): number {
  const result = Math.min(MAX_NOISE, Math.max(NOISE, logarithm ** 2 - variance));
  return noise + NOISE_WEIGHT * (result - noise);
}
