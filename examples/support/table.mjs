// Tables for a terminal: words left-aligned, numbers right-aligned.

/** Format a table. `columns` are the headings; a column whose heading starts with `>` is right-aligned. */
export function table(columns, rows) {
  const right = columns.map((heading) => heading.startsWith('>'));
  const head = columns.map((heading, i) => (right[i] ? heading.slice(1) : heading));
  const widths = head.map((heading, i) => Math.max(heading.length, ...rows.map((row) => row[i].length)));
  const line = (cells) =>
    cells.map((cell, i) => (right[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ');
  return [head, widths.map((width) => '─'.repeat(width)), ...rows]
    .map((cells) => line(cells).trimEnd())
    .join('\n');
}

/** Format bytes as KiB or MiB. */
export function size(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}

export function percent(part, whole) {
  return `${((100 * part) / whole).toFixed(part < whole / 1000 ? 3 : 1)} %`;
}
