// The known name that a mistyped word most resembles.

/** Words that are shorter resemble too many names. */
const MIN_WORD = 3;
const MAX_DISTANCE = 2;

/** Return the known name that differs from a word in the fewest letters, if they are few. */
export function nearestName(word: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let min = Math.min(MAX_DISTANCE, Math.floor(word.length / MIN_WORD)) + 1;
  for (const name of known) {
    // A difference of the lengths is a distance at least, so long words cost nothing.
    const distance = Math.abs(name.length - word.length) < min ? distanceOf(word, name) : min;
    if (distance < min) [nearest, min] = [name, distance];
  }
  return nearest;
}

/**
 * Count the letters to insert, remove or replace, and the neighbours to exchange, that make one word of
 * another (optimal string alignment).
 */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isExchanged = j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (isSame ? 0 : 1));
      if (isExchanged) next[j] = Math.min(next[j]!, before[j - 2]! + 1);
    }
    [before, row] = [row, next];
  }
  return row[b.length]!;
}
