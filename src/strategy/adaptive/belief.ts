/** A factor in beliefs about a product: how far its logarithm may be off, and how fast that grows again. */
export interface FactorPrior {
  /** Variance of the logarithm before any result, and at most. */
  readonly variance: number;
  readonly growthPerMs: number;
}

/**
 * Beliefs about factors whose products are observed, such as the speed of the machine times the cost of an
 * option: a Kalman filter over their logarithms. A result corrects the uncertain factors most, and the
 * covariances keep what it does not tell apart. The variances grow with time, so older results count less,
 * however many there were; larger and smaller are learnt alike.
 */
export class Beliefs {
  private readonly count: number;
  private readonly mean: Float64Array;
  /** Covariances, row by row. */
  private readonly covariance: Float64Array;
  private readonly gain: Float64Array;

  constructor(private readonly priors: readonly FactorPrior[]) {
    this.count = priors.length;
    this.mean = new Float64Array(this.count);
    this.gain = new Float64Array(this.count);
    this.covariance = new Float64Array(this.count ** 2);
    priors.forEach(({ variance }, i) => {
      this.covariance[i * (this.count + 1)] = variance;
    });
  }

  /** Lets `ms` pass. */
  age(ms: number): void {
    this.priors.forEach(({ growthPerMs }, i) => {
      this.widen(i, growthPerMs * ms);
    });
  }

  /** Adds to the variance of a factor, up to the one before any result. */
  widen(factor: number, variance: number): void {
    const at = factor * (this.count + 1);
    const missing = this.priors[factor]!.variance - this.covariance[at]!;
    if (missing > 0) this.covariance[at]! += Math.min(missing, variance);
  }

  /** Returns the expected product of factors. */
  product(factors: readonly number[]): number {
    let sum = 0;
    for (const factor of factors) sum += this.mean[factor]!;
    return Math.exp(sum);
  }

  /** Returns the variance of the logarithm of a product. */
  variance(factors: readonly number[]): number {
    return Math.max(0, this.sum(factors, factors));
  }

  /**
   * Returns how much a result of a product, with a variance of its own, may move the logarithm of the product
   * divided by another one: the variance of that move.
   */
  moveBy(factors: readonly number[], others: readonly number[], noise: number): number {
    const own = this.sum(factors, factors);
    return (own - this.sum(factors, others)) ** 2 / (own + noise);
  }

  /** Corrects the factors of a product by its logarithm, actual over expected, which has a variance. */
  learn(factors: readonly number[], logarithm: number, noise: number): void {
    const { count, mean, covariance, gain } = this;
    gain.fill(0);
    for (const factor of factors) for (let i = 0; i < count; i++) gain[i]! += covariance[factor * count + i]!;
    let total = noise;
    for (const factor of factors) total += gain[factor]!;
    for (let i = 0; i < count; i++) {
      const share = gain[i]! / total;
      mean[i]! += share * logarithm;
      if (share !== 0) for (let k = 0; k < count; k++) covariance[i * count + k]! -= share * gain[k]!;
    }
  }

  private sum(rows: readonly number[], columns: readonly number[]): number {
    let sum = 0;
    for (const row of rows) for (const column of columns) sum += this.covariance[row * this.count + column]!;
    return sum;
  }
}
