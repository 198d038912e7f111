// Output of the tradeoff suite: cost and size of every strategy per workload, pipelined time over each link,
// and a summary for adaptive.

import { print, printTable, verdict } from '../kernels/suite.mjs';
import { geometricMean } from '../kernels/targets.mjs';
import { median } from '../race.mjs';

/** Targets for adaptive: its pipelined time relative to that of other strategies. */
const TARGETS = { best: 1.03, raw: 1.02, mixed: 0.95 };
const MIB = 1 << 20;

export function printWorkload({ workload, images, rows, links, rounds, threads, bytesIn, pages }) {
  print(`\n${workload.name}: ${workload.description}`);
  print(
    `  ${images.length} images, ${(bytesIn / MIB).toFixed(0)} MiB, ${pages} pages; ${threads} threads; all images verified; medians of ${rounds}`,
  );
  printCosts(rows, links);
  printTimes(rows, links);
}

/** Print overhead and transfer size; per link for strategies that depend on it. */
function printCosts(rows, links) {
  const lines = rows.filter(({ link, followsLink }) => followsLink || link === links[0].text);
  printTable(
    ['overhead and size', 'MiB out', 'out / in', 'encode ms', 'decode ms', 'µs CPU per page'],
    lines.map((row) => [
      row.followsLink ? `${row.strategy} ${row.link}` : row.strategy,
      (row.bytesOut / MIB).toFixed(1),
      `${((100 * row.bytesOut) / row.bytesIn).toFixed(1)} %`,
      row.encodeMs.toFixed(0),
      row.decodeMs.toFixed(0),
      ((1000 * row.cpuMs) / row.pages).toFixed(2),
    ]),
  );
}

function printTimes(rows, links) {
  const at = (strategy, link) => rows.find((row) => row.strategy === strategy && row.link === link.text);
  const compared = links.map((link) => against(rows.filter((row) => row.link === link.text)));
  const strategies = [...new Set(rows.map(({ strategy }) => strategy))];
  printTable(
    ['pipelined ms', ...links.map(({ text }) => text)],
    [
      ...strategies.map((strategy) => [
        strategy,
        ...links.map((link) => milliseconds(at(strategy, link).pipelinedMs)),
      ]),
      ['best fixed', ...compared.map(({ best }) => best.strategy.replace('fixed:', ''))],
      ['adaptive / best fixed', ...compared.map(({ ofBest }) => ofBest.toFixed(3))],
      ['adaptive / raw', ...compared.map(({ ofRaw }) => ofRaw.toFixed(3))],
    ],
  );
}

/**
 * Compare adaptive with raw and with the best fixed strategy, which is known only afterwards, for the rows of
 * one workload and link. A ratio is the median of the ratios in each round, since the machine's speed changes
 * between rounds.
 */
function against(rows) {
  const fixed = rows.filter(({ strategy }) => strategy.startsWith('fixed:'));
  const best = fixed.reduce((a, b) => (b.pipelinedMs < a.pipelinedMs ? b : a));
  const raw = fixed.find(({ strategy }) => strategy === 'fixed:raw');
  const { workload, isMixed, link, roundsMs } = rows.find(({ strategy }) => strategy === 'adaptive');
  const ratioTo = (other) => median(roundsMs.map((ms, round) => ms / other.roundsMs[round]));
  return { workload, isMixed, link, best, ofBest: ratioTo(best), ofRaw: ratioTo(raw) };
}

export function printSummary(rows) {
  const compared = grouped(rows, ({ workload, link }) => `${workload} ${link}`).map(against);
  if (compared.length === 0) return;
  print(`\nadaptive, pipelined time, ${compared.length} pairs of workload and link:`);
  summarize('relative to the best fixed strategy', compared, 'ofBest', TARGETS.best);
  summarize('relative to raw', compared, 'ofRaw', TARGETS.raw);
  for (const links of grouped(compared, ({ isMixed, workload }) => (isMixed ? workload : undefined))) {
    const lowest = links.reduce((a, b) => (b.ofBest < a.ofBest ? b : a));
    const { text } = verdict(lowest.ofBest, TARGETS.mixed, { atMost: true });
    print(
      `  ${lowest.workload}: best result ${lowest.ofBest.toFixed(3)} × the best fixed strategy, at ${lowest.link}; ${text}`,
    );
  }
}

function summarize(label, compared, ratio, target) {
  const worst = compared.reduce((a, b) => (b[ratio] > a[ratio] ? b : a));
  const within = compared.filter((pair) => pair[ratio] <= target).length;
  const mean = geometricMean(compared.map((pair) => pair[ratio]));
  const { text } = verdict(worst[ratio], target, { atMost: true });
  print(
    `  ${label}: worst ${worst[ratio].toFixed(3)} (${worst.workload}, ${worst.link}), geometric mean ${mean.toFixed(3)}, ${within} of ${compared.length} within the target; ${text}`,
  );
}

/** Group a list by key; elements without a key are omitted. */
function grouped(list, keyOf) {
  const groups = new Map();
  for (const one of list) {
    const key = keyOf(one);
    if (key !== undefined) groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()];
}

function milliseconds(ms) {
  return ms >= 100 ? ms.toFixed(0) : ms.toFixed(1);
}
