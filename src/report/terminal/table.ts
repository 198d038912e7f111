import { printable } from './printable.js';

/** Format a table: columns of numbers are aligned right, all others left. Each cell is one line. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map((cell) => printable(cell, { isOneLine: true })));
  const widths = head.map((name, i) => Math.max(name.length, ...cells.map((row) => row[i]!.length)));
  const isRight = head.map((_, i) => cells.every((row) => /^[-\d]/.test(row[i]!) || row[i] === ''));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (isRight[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}
