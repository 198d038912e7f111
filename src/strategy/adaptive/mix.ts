import type { PackingCosts } from './costs.js';
import { CLASS_MEANS, CLASSES, INITIAL_SHARES } from './initial-costs.js';
import type { Stages } from './stages.js';

const MIB = 1 << 20;
/** Bytes after which earlier groups count a third in what is expected of the next ones. */
const RECENT_BYTES = 48 * MIB;
/** Weight of the initial shares of the classes against recent groups. */
const INITIAL_WEIGHT = 0.12;
/** Classes with a smaller share are left out. */
const MIN_SHARE = 0.01;
/** Halvings of the range of the price's logarithm. */
const HALVINGS = 14;
const MIN_EXPONENT = -14;
/**
 * Largest logarithm of the price: with an empty queue and with a full one of this size. While little is
 * queued, core time that is spent on the last per cent of the bytes may be missing soon.
 */
const MAX_EXPONENT = [0.5, 3.5] as const;
const FULL_QUEUE_BYTES = 20 * MIB;
/** Groups that the link should have in reserve while more is to come. */
const RESERVE_GROUPS = 3;

/**
 * Weights of the link's time against that of all cores, 0 … 1: `low` and `high` enclose the one at which both
 * finish together, and `highShare` of the groups should be chosen at `high`.
 */
export interface Balance {
  low: number;
  high: number;
  highShare: number;
}

/** Finds the weight of the link's time at which cores and link finish together. */
export class Mixer {
  /** Recent bytes by class and their mean estimate. */
  private readonly weight = INITIAL_SHARES.map((share) => INITIAL_WEIGHT * share);
  private readonly estimate: number[] = [...CLASS_MEANS];
  private kinds: number[] = [];
  /** Expected ms and bytes per MiB, by class and option. */
  private readonly ms: number[][] = CLASSES.map(() => []);
  private readonly bytes: number[][] = CLASSES.map(() => []);
  private readonly balance: Balance = { low: 0, high: 1, highShare: 1 };
  /** CPU ms and packed bytes that a byte of the next groups costs at the weight that was tried last. */
  meanMs = 0;
  meanBytes = 1;

  /** Notes a group, which the next ones are expected to resemble. */
  note(kind: number, estimate: number, bytes: number): void {
    const kept = Math.exp(-bytes / RECENT_BYTES);
    for (let k = 0; k < this.weight.length; k++) this.weight[k]! *= kept;
    this.weight[kind]! += 1 - kept;
    const share = Math.min(1, (1 - kept) / this.weight[kind]!);
    this.estimate[kind]! += share * (estimate - this.estimate[kind]!);
  }

  /** Computes the costs of the options for the classes of the recent groups. */
  fill(costs: PackingCosts, hasZstd: boolean): void {
    const total = this.weight.reduce((sum, weight) => sum + weight, 0);
    this.kinds = [];
    for (let kind = 0; kind < this.weight.length; kind++) {
      if (this.weight[kind]! < MIN_SHARE * total) continue;
      this.kinds.push(kind);
      for (let i = 0; i < costs.options.length; i++) {
        const option = costs.options[i]!;
        const { ms, bytes } = costs.expect(option, MIB, kind, this.estimate[kind]!);
        const isMissing = option.packing.name === 'zstd' && !hasZstd;
        this.ms[kind]![i] = isMissing ? Infinity : ms;
        this.bytes[kind]![i] = isMissing ? Infinity : bytes;
      }
    }
  }

  /** Returns the weights between which to mix. The object is reused. */
  solve(stages: Stages, groupBytes: number): Balance {
    this.average(0.5, stages);
    const { linkMs, linkMsPerByte, destinationMsPerByte } = stages;
    const full = Math.min(1, linkMs / (linkMsPerByte * this.meanBytes * FULL_QUEUE_BYTES));
    const maxExponent = MAX_EXPONENT[0] + full * (MAX_EXPONENT[1] - MAX_EXPONENT[0]);
    const balance = this.between((weight) => this.linkLead(weight, stages, groupBytes), maxExponent);
    // Where the destination is slower than both, fewer bytes gain nothing.
    this.average(balance.low, stages);
    if (destinationMsPerByte <= this.meanBytes * linkMsPerByte) return balance;
    return this.between((weight) => {
      this.average(weight, stages);
      return this.meanBytes * linkMsPerByte - destinationMsPerByte;
    }, maxExponent);
  }

  /** Computes what a byte of the next groups costs if they are chosen at a weight. */
  average(weight: number, { cores, linkMsPerByte }: Stages): void {
    let [meanMs, meanBytes, total] = [0, 0, 0];
    for (const kind of this.kinds) {
      const ms = this.ms[kind]!;
      const bytes = this.bytes[kind]!;
      let best = 0;
      let lowest = Infinity;
      for (let i = 0; i < ms.length; i++) {
        const cost = ((1 - weight) * ms[i]!) / cores + weight * bytes[i]! * linkMsPerByte;
        if (cost < lowest) [lowest, best] = [cost, i];
      }
      const share = this.weight[kind]!;
      total += share;
      meanMs += share * ms[best]!;
      meanBytes += share * bytes[best]!;
    }
    this.meanMs = meanMs / total / MIB;
    this.meanBytes = meanBytes / total / MIB;
  }

  /** Encloses the weight from which on `excess`, which falls with the weight, is not positive. */
  private between(excess: (weight: number) => number, maxExponent: number): Balance {
    const { balance } = this;
    const highest = weightOf(maxExponent);
    let above = excess(0);
    let below = excess(highest);
    balance.highShare = 1;
    balance.low = balance.high = above <= 0 ? 0 : highest;
    if (above <= 0 || below >= 0) return balance;
    let [from, to] = [MIN_EXPONENT, maxExponent];
    balance.low = 0;
    for (let n = 0; n < HALVINGS; n++) {
      const middle = (from + to) / 2;
      const weight = weightOf(middle);
      const value = excess(weight);
      if (value > 0) [from, above, balance.low] = [middle, value, weight];
      else [to, below, balance.high] = [middle, value, weight];
    }
    balance.highShare = above / (above - below);
    return balance;
  }

  /** Returns how much later the link finishes than the cores if the next groups are chosen at a weight. */
  private linkLead(weight: number, stages: Stages, groupBytes: number): number {
    const { horizonBytes, remainingBytes, cores, elapsedFactor, floorMsPerByte, linkMsPerByte } = stages;
    this.average(weight, stages);
    const coresMs = stages.coresMs + (horizonBytes * (floorMsPerByte + this.meanMs)) / cores;
    const linkMs = stages.linkMs + horizonBytes * this.meanBytes * linkMsPerByte;
    const groupLinkMs = groupBytes * this.meanBytes * linkMsPerByte;
    // The last group is packed on one core and then sent; before, the link needs a reserve.
    const lastMs = groupBytes * this.meanMs * (elapsedFactor - 1 / cores) + groupLinkMs;
    const reserveMs = Math.min(1, remainingBytes / horizonBytes / 2) * RESERVE_GROUPS * groupLinkMs;
    return linkMs - coresMs - Math.max(0, lastMs) - reserveMs;
  }
}

/** Returns the weight of the link's time whose ratio to that of the cores is e^`exponent`. */
function weightOf(exponent: number): number {
  return 1 / (1 + Math.exp(-exponent));
}
