// Ticks of the axes, and their labels.

/** Return ticks from 0 to at least `max`, in steps of 1, 2 or 5 times a power of ten. */
export function linearTicks(max: number, count: number): number[] {
  const rough = max > 0 ? max / count : 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, i) =>
    Number((i * step).toPrecision(12)),
  );
}

/** Return ticks from 0 to at least `max`, in round numbers of KiB, MiB, … */
export function bytesTicks(max: number, count: number): number[] {
  const unit = 1024 ** Math.max(0, Math.floor(Math.log(Math.max(1, max)) / Math.log(1024)));
  return linearTicks(max / unit, count).map((value) => value * unit);
}

/**
 * Return the decades within the domain; also 2 and 5 times each where they are few, or only every n-th where
 * they are many.
 */
export function logTicks([min, max]: readonly [number, number], count: number): number[] {
  const from = Math.floor(Math.log10(min));
  const to = Math.ceil(Math.log10(max));
  const decades = Math.log10(max / min);
  const factors = decades * 3 <= count ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / count));
  const ticks: number[] = [];
  for (let power = from; power <= to; power++)
    if (power % every === 0)
      for (const factor of factors) ticks.push(Number((factor * 10 ** power).toPrecision(3)));
  return ticks.filter((tick) => tick >= min * 0.999 && tick <= max * 1.001);
}

/** Return evenly spaced powers of two around all values, at least two. */
export function powerTicks(values: readonly number[], count: number): number[] {
  const from = Math.floor(Math.log2(Math.min(...values)));
  const to = Math.max(from + 1, Math.ceil(Math.log2(Math.max(...values))));
  const step = Math.max(1, Math.ceil((to - from) / count));
  const ticks: number[] = [];
  for (let power = from; power < to + step; power += step) ticks.push(2 ** power);
  return ticks;
}

/** Return "0.5 ms", "20 s". */
export function msTick(ms: number): string {
  if (ms < 1) return `${numberText(ms * 1000)} µs`;
  return ms < 1000 ? `${numberText(ms)} ms` : `${numberText(ms / 1000)} s`;
}

/** Return "0", "512 B", "1.5 MiB". */
export function bytesTick(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const unit = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log(bytes) / Math.log(1024)));
  return bytes === 0 ? '0' : `${numberText(bytes / 1024 ** unit)} ${units[unit]}`;
}

/** Return a number with three significant digits. */
export function numberText(value: number): string {
  return String(Number(value.toPrecision(3)));
}
