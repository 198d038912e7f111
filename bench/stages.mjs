// Encoding time by stage, on one thread: an encoder whose parts report to a clock
// (kernels/staged-encoder.mjs), in turns with an unmodified one, which shows the cost of the measurement.
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createEncoder } from '../dist/index.js';
import { openImage } from '../dist/node.js';
import { findImages } from './images.mjs';
import { StageClock } from './kernels/stage-clock.mjs';
import { STAGES, stageEncoder } from './kernels/staged-encoder.mjs';
import {
  checkedOption,
  print,
  printTable,
  readOptions,
  verdict,
  wholeNumber,
  writeRows,
} from './kernels/suite.mjs';
import { median, race } from './race.mjs';

const PAGE_BYTES = 4096;
/** Maximum time for decisions about pages, relative to the time of the chosen codecs' kernels. */
const TARGET = 0.35;
const DECIDING = ['scan', 'fingerprint', 'find', 'profile', 'choose', 'tried'];

export async function run(argv) {
  const {
    quick,
    json,
    traces,
    runs,
    strategy = 'adaptive',
    link = '1Gbit',
  } = readOptions(argv, 'traces', 'runs', 'strategy', 'link');
  const rounds = wholeNumber('runs', runs, quick ? 1 : 5);
  const linkBitsPerSecond = checkedOption('link', link);
  checkedOption('strategy', strategy);
  const rows = [];
  const { series, clean } = await findImages(traces);
  const folder = fs.mkdtempSync(join(tmpdir(), 'pageferry-bench-'));
  try {
    for (const [name, images] of Object.entries(series))
      for (const count of images.length > 1 ? [1, 2] : [1]) {
        const job = {
          name,
          images: images.slice(0, count),
          strategy,
          link,
          linkBitsPerSecond,
          out: join(folder, 'stream'),
        };
        rows.push(...(await measure(job, rounds)));
      }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
    clean();
  }
  writeRows(json, rows);
}

async function measure(job, rounds) {
  const clock = new StageClock().calibrate();
  const taken = [];
  const summaries = [];
  const contestant = (name, with_) => ({
    name,
    ownClock: true,
    run: async () => {
      const { summary, account } = await encode(job, with_);
      summaries.push(summary);
      if (account) taken.push(account);
      return account?.totalMs ?? summary.encodeMs;
    },
  });
  const results = await race([contestant('unmodified', undefined), contestant('by stage', clock)], {
    rounds,
  });
  verify(job.name, summaries);
  // The first of each is the warm-up.
  return report(job, rounds, taken.slice(1), results, summaries.at(-1));
}

async function encode({ images, strategy, linkBitsPerSecond, out }, clock) {
  const sources = images.map((file) => openImage(file));
  const fd = fs.openSync(out, 'w');
  try {
    const pages = sources.reduce((sum, { bytes }) => sum + bytes / PAGE_BYTES, 0);
    const sink = (parts) => void fs.writevSync(fd, parts);
    // The options of `pageferry pack`.
    const options = {
      strategy,
      linkBitsPerSecond,
      threads: 1,
      deltaBudgetBytes: 0,
      indexPages: pages,
      similar: images.length > 1,
    };
    const encoder = await createEncoder(clock ? clock.wrap('sink', sink) : sink, options);
    if (clock) {
      stageEncoder(encoder, clock);
      for (const source of sources) clock.patch(source, 'read', 'read');
    }
    const idleBefore = performance.eventLoopUtilization().idle;
    const started = performance.now();
    clock?.start('rest');
    for (const source of sources) await encoder.encode(source);
    const summary = await encoder.finish();
    if (!clock) return { summary };
    const { stages, clockMs } = clock.finish();
    const totalMs = performance.now() - started;
    return {
      summary,
      account: { stages, clockMs, totalMs, idleMs: performance.eventLoopUtilization().idle - idleBefore },
    };
  } finally {
    fs.closeSync(fd);
    for (const source of sources) source.close();
  }
}

/**
 * Expect the same images and the same count of zero pages from all runs. How many others need no bytes
 * depends on time: they are looked for while that pays.
 */
function verify(name, summaries) {
  const [first, ...others] = summaries.map(({ images, codecs: { zero } }) =>
    JSON.stringify([images.map(({ digest }) => [...digest]), zero?.pages]),
  );
  if (others.some((other) => other !== first))
    throw new Error(`${name}: the measurement changed the encoded stream`);
}

function report({ name, images, strategy, link }, rounds, taken, [alone, staged], summary) {
  const of = (pick) => median(taken.map(pick));
  const stageMs = (stage) => of(({ stages }) => stages.get(stage) ?? 0);
  const idleMs = of((one) => one.idleMs);
  const totalMs = of((one) => one.totalMs);
  const lines = [
    ...Object.entries(STAGES).map(([stage, description]) => [stage, description, stageMs(stage)]),
    ['waiting', 'waiting for the file', idleMs],
    ['clock', 'clock', of((one) => one.clockMs)],
    // Waiting is not a stage: subtract it from the outermost one.
    ['unexplained', 'unexplained', of(({ stages, idleMs: idle }) => stages.get('rest') - idle)],
  ];
  const base = {
    suite: 'stages',
    images: images.map((file) => `${name}/${basename(file)}`),
    strategy,
    link,
    pages: summary.pages,
  };
  const rows = lines.map(([stage, , ms]) => ({
    ...base,
    stage,
    ms,
    usPerPage: (1000 * ms) / summary.pages,
    share: ms / totalMs,
  }));
  const codecs = Object.entries(summary.codecs).map(([codec, { pages }]) => `${codec} ${pages}`);
  print(
    `\n${base.images.join(', ')}: ${strategy}, ${link}, one thread, ${summary.pages} pages, medians of ${rounds}`,
  );
  print(`  pages: ${codecs.join(', ')}; ${summary.bytesIn} bytes in, ${summary.bytesOut} out`);
  printTable(
    ['stage', 'ms', 'µs per page', 'share'],
    [
      ...lines.map(([, description, ms]) => [description, ...figures(ms, summary.pages, totalMs)]),
      ['total', ...figures(totalMs, summary.pages, totalMs)],
    ],
  );
  const overhead = totalMs / alone.medianMs - 1;
  print(
    `  unmodified: ${alone.medianMs.toFixed(0)} ms; the measurement adds ${(100 * overhead).toFixed(1)} %`,
  );
  return [...rows, decide(base, stageMs, { totalMs, aloneMs: alone.medianMs, spread: staged.spread })];
}

function figures(ms, pages, totalMs) {
  return [ms.toFixed(1), ((1000 * ms) / pages).toFixed(3), `${((100 * ms) / totalMs).toFixed(1)} %`];
}

/** Print and return the ratio that has a target. */
function decide(base, stageMs, totals) {
  const sum = (stages) => stages.reduce((ms, stage) => ms + stageMs(stage), 0);
  const codecMs = stageMs('codec');
  const ratio = sum(DECIDING) / codecMs;
  const { text, ...result } = verdict(ratio, TARGET, { atMost: true });
  print(`  decisions (scan, digests, dedup, profile, strategy, rejected codecs) / chosen codecs' kernels:`);
  print(
    `  ${ratio.toFixed(3)}, ${text}; with similar pages ${(sum([...DECIDING, 'similar']) / codecMs).toFixed(3)}`,
  );
  return {
    ...base,
    stage: 'decisions / codec',
    ratio,
    withSimilar: sum([...DECIDING, 'similar']) / codecMs,
    ...totals,
    ...result,
  };
}
