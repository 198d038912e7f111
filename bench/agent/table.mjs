// The table of migrations: the middle run of each cell, and ratios to QEMU's own modes.
import { print, printTable } from '../kernels/suite.mjs';
import { MODES } from './modes.mjs';

const HEAD = ['mode', 'total s', 'downtime ms', 'MB', 'rounds', 'CPU s', 'runs'];

/** Print one table for each guest and link. */
export function printCells(rows) {
  const groups = grouped(rows, ({ guest, link, mebibytes, qemu, slowdown = 1 }) => {
    const slow = slowdown === 1 ? '' : `, cores ${slowdown} x as fast (simulated)`;
    return `${guest}, ${link}, ${mebibytes} MiB, QEMU ${qemu}${slow}`;
  });
  for (const [title, group] of groups) {
    const cells = Object.keys(MODES).flatMap((mode) => {
      const runs = group.filter((row) => row.mode === mode);
      return runs.length === 0 ? [] : [middle(runs)];
    });
    print(`\n${title}`);
    printTable(HEAD, cells.map(text));
    for (const line of [...ratios(cells), ...forecasts(group)]) print(`  ${line}`);
  }
}

function grouped(rows, keyOf) {
  const groups = new Map();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}

/** The run of the median total time; one that did not complete is longer than all others. */
function middle(runs) {
  const isDone = (row) => row.status === 'completed';
  const sorted = runs.toSorted((a, b) => isDone(b) - isDone(a) || a.totalMs - b.totalMs);
  const totals = runs.filter(isDone).map(({ totalMs }) => totalMs / 1000);
  return { ...sorted[sorted.length >> 1], totals, runs: runs.length };
}

function text({ mode, chosen, status, totalMs, totals, downtimeMs, bytes, rounds, cpuS, runs }) {
  const spread = `${Math.min(...totals).toFixed(2)}–${Math.max(...totals).toFixed(2)}`;
  return [
    chosen === undefined ? mode : `${mode} (${chosen})`,
    status === 'completed' ? (totalMs / 1000).toFixed(2) : status,
    downtimeMs === undefined ? '' : downtimeMs.toFixed(0),
    (bytes / 1e6).toFixed(1),
    rounds,
    cpuS.toFixed(2),
    totals.length > 1 ? `${runs} (${spread})` : runs,
  ];
}

/** The forecast of each run after round one, against its end. */
function forecasts(rows) {
  return rows
    .filter(({ forecast }) => forecast)
    .map(({ mode, forecast: { seconds }, status, totalMs, rounds }) => {
      const found = seconds === null ? 'does not converge' : `ends after ${seconds.toFixed(1)} s`;
      const error =
        seconds !== null && status === 'completed'
          ? `, ${Math.round((100 * (1000 * seconds - totalMs)) / totalMs)} %`
          : '';
      return `${mode}: forecast after round one: ${found}; ${status} after ${(totalMs / 1000).toFixed(1)} s, ${rounds} rounds${error}`;
    });
}

/** Ratios of the agents to QEMU's best mode, to multifd-zstd and to the relay. */
function ratios(cells) {
  const done = cells.filter(({ status }) => status === 'completed');
  const between = (cell) => MODES[cell.mode].between;
  const least = (some, key) => some.toSorted((a, b) => a[key] - b[key])[0];
  const best = least(
    done.filter((cell) => !between(cell)),
    'totalMs',
  );
  const calmest = least(
    done.filter((cell) => !between(cell) && !MODES[cell.mode].isPostcopy),
    'downtimeMs',
  );
  const named = (mode) => done.find((cell) => cell.mode === mode);
  const references = [
    ['the time of', best, 'totalMs', best?.mode],
    ['the time of', named('plain, relay'), 'totalMs', 'plain, relay'],
    ['the CPU time of', named('multifd-zstd'), 'cpuS', 'multifd-zstd'],
    ['the CPU time of', named('plain, relay'), 'cpuS', 'plain, relay'],
    ['the downtime of', calmest, 'downtimeMs', calmest?.mode],
  ];
  return done
    .filter((cell) => between(cell) === 'agent')
    .map((cell) => {
      const parts = references.flatMap(([what, other, key, mode]) =>
        other ? [`${(cell[key] / other[key]).toFixed(2)} × ${what} ${mode}`] : [],
      );
      return `${cell.mode}: ${parts.join(', ')}`;
    });
}
