// Where axes have their ticks, and what stands there.

/** From 0 to at least `most` in steps of 1, 2 or 5 times a power of ten. */
function linearTicks(most: number, count: number): number[] {
  const rough = most > 0 ? most / count : 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  return Array.from({ length: Math.ceil(most / step - 1e-9) + 1 }, (_, i) =>
    Number((i * step).toPrecision(12)),
  );
}

/** Bytes from 0 to at least `most`: round numbers of KiB, MiB, … */
export function bytesTicks(most: number, count: number): number[] {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(1, most)) / Math.log(1024)));
  return linearTicks(most / unit, count).map((value) => value * unit);
}

/** The decades within the domain; where they are few, also 2 and 5 times each. Where they are many, every second one and so on. */
export function logTicks([least, most]: readonly [number, number], count: number): number[] {
  const from = Math.floor(Math.log10(least));
  const to = Math.ceil(Math.log10(most));
  const decades = Math.log10(most / least);
  const factors = decades * 3 <= count ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / count));
  const ticks: number[] = [];
  for (let power = from; power <= to; power++)
    if (power % every === 0)
      for (const factor of factors) ticks.push(Number((factor * 10 ** power).toPrecision(3)));
  return ticks.filter((tick) => tick >= least * 0.999 && tick <= most * 1.001);
}

/** Powers of two, each two to the same power apart, around all values; at least two of them. */
export function powerTicks(values: readonly number[], count: number): number[] {
  const from = Math.floor(Math.log2(Math.min(...values)));
  const to = Math.max(from + 1, Math.ceil(Math.log2(Math.max(...values))));
  const step = Math.max(1, Math.ceil((to - from) / count));
  const ticks: number[] = [];
  for (let power = from; power < to + step; power += step) ticks.push(2 ** power);
  return ticks;
}

/** As short as it goes: "0.5 ms", "20 s". */
export function msTick(ms: number): string {
  if (ms < 1) return `${trimmed(ms * 1000)} µs`;
  return ms < 1000 ? `${trimmed(ms)} ms` : `${trimmed(ms / 1000)} s`;
}

export function bytesTick(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const unit = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log(bytes) / Math.log(1024)));
  return bytes === 0 ? '0' : `${trimmed(bytes / 1024 ** unit)} ${units[unit]}`;
}

export function trimmed(value: number): string {
  return String(Number(value.toPrecision(3)));
}
