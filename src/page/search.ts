/**
 * Return the index, from `first` to before `end`, of the last of these ascending numbers that is at most
 * `value`; `first` when all are greater.
 */
export function lastAtOrBelow(
  numbers: ArrayLike<number>,
  value: number,
  end = numbers.length,
  first = 0,
): number {
  let low = first;
  let high = end - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (numbers[middle]! <= value) low = middle;
    else high = middle - 1;
  }
  return low;
}
