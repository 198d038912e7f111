// Tables of ratios, ours ÷ peer: one line per direction, set and peer, one column per kind of page.

import { againstTargets } from './targets.mjs';

/** Print each target and this run's result: means over the kinds of pages and over guests, range, bytes. */
export function printTargets(rows) {
  const mark = (value, atLeast) => `${rounded(value)}${value < atLeast ? ' !' : '  '}`;
  const body = againstTargets(rows).map(
    ({ kernel, direction, set, peer, of, atLeast, mean, min, max, guests, bytes }) => [
      `${kernel} ${direction}${of ? `, ${of}` : ''}`,
      set,
      `ours ÷ ${peer}`,
      `${atLeast}`,
      mark(mean, atLeast),
      `${rounded(min)} … ${rounded(max)}`,
      mark(guests, atLeast),
      bytes?.toFixed(3) ?? '-',
    ],
  );
  const head = ['kernel', 'set', 'against', 'target', 'mean  ', 'range', 'guests  ', 'bytes'];
  if (body.length > 0) process.stdout.write(`\n${aligned([head, ...body], 3).join('\n')}\n`);
}

export function printRatios(kernel, rows) {
  process.stdout.write(`\n${ratioLines(kernel, rows).join('\n')}\n`);
}

function ratioLines(kernel, rows) {
  const corpora = [...new Set(rows.map(({ corpus }) => corpus))];
  const head = [kernel, 'set', 'against', ...corpora];
  const body = [];
  for (const direction of new Set(rows.map((row) => row.direction))) {
    for (const set of new Set(rows.map((row) => row.set))) {
      const here = rows.filter((row) => row.direction === direction && row.set === set);
      const cell = (corpus, peer, text) =>
        text(here.find((row) => row.corpus === corpus && row.peer === peer) ?? {});
      const peers = [...new Set(here.map(({ peer }) => peer))];
      body.push([
        direction,
        set,
        'ours, GB/s',
        ...corpora.map((corpus) => cell(corpus, peers[0], (row) => rounded(row.oursGBps))),
      ]);
      for (const peer of peers.filter(Boolean))
        body.push([
          direction,
          set,
          `ours ÷ ${peer}`,
          ...corpora.map((corpus) => cell(corpus, peer, (row) => rounded(row.ratio))),
        ]);
    }
  }
  for (const peer of new Set(rows.filter((row) => row.peerBytes).map((row) => row.peer))) {
    const row = (corpus) => rows.find((other) => other.corpus === corpus && other.peer === peer) ?? {};
    body.push([
      'bytes',
      '',
      `ours ÷ ${peer}`,
      ...corpora.map((corpus) => (row(corpus).oursBytes / row(corpus).peerBytes).toFixed(3)),
    ]);
  }
  return aligned([head, ...body], 3);
}

/** Align the first `left` columns left and the others right. */
function aligned(lines, left) {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((cells) => cells[i].length)));
  return lines.map((cells) =>
    cells.map((text, i) => (i < left ? text.padEnd(widths[i]) : text.padStart(widths[i]))).join('  '),
  );
}

function rounded(value) {
  if (value === undefined || value === null) return '-';
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2);
}
