// Overhead and transfer size of workloads × strategies × links, in one run. Each strategy encodes and decodes
// a workload in this process, without a link; the model (src/analyze/tradeoff/model.ts) computes the
// pipelined time over each link. Strategies take turns, in another order each round. Decoded images are
// verified.
import { pipelinedTime } from '../build/internal.mjs';
import { print, writeRows } from './kernels/suite.mjs';
import { median, race } from './race.mjs';
import { readLinkOptions } from './tradeoff/options.mjs';
import { printSummary, printWorkload } from './tradeoff/report.mjs';
import { collectGarbage, createRunner } from './tradeoff/runner.mjs';
import { collectImages } from './workloads/index.mjs';

const LINKS = ['100Mbit', '1Gbit', '10Gbit', '40Gbit', '100Gbit'];
/** Strategies that do not depend on the link's rate. */
const LINK_BLIND = [
  'fixed:raw',
  'fixed:lz4',
  'fixed:wkdm',
  'fixed:zstd:1',
  'fixed:zstd:3',
  'fixed:zstd:9',
  'characteristic',
  'mecom',
];
/** Also independent of the link, but a hundred times slower: only with `--strategy NAME`. */
const LINK_BLIND_ON_REQUEST = ['smallest'];

export async function run(argv) {
  const options = await readLinkOptions(argv, { links: LINKS, runs: 5 });
  const rows = [];
  for (const workload of options.workloads) {
    const reason = workload.unavailable?.();
    if (reason) print(`\n${workload.name}: skipped, ${reason}`);
    else rows.push(...(await measure(workload, options)));
  }
  printSummary(rows);
  writeRows(
    options.json,
    rows.map(({ pages, isMixed, followsLink, roundsMs, ...row }) => row),
  );
}

async function measure(workload, options) {
  const { links, rounds, threads } = options;
  const images = await collectImages(workload, options);
  const runner = createRunner(images, threads);
  const lanes = lanesOf(options).map((lane) => ({ ...lane, samples: [] }));
  const contestants = lanes.map((lane) => ({
    name: lane.followsLink ? `${lane.name} ${lane.links[0].text}` : lane.name,
    ownClock: true,
    before: collectGarbage,
    run: async () => {
      const measure = await runner.run(lane, lane.links[0].bitsPerSecond);
      lane.samples.push(measure);
      return measure.encodeMs;
    },
  }));
  await race(contestants, { rounds });
  // The first of each is the warm-up.
  const rows = lanes.flatMap((lane) =>
    lane.links.map((link) => row(workload, lane, link, lane.samples.slice(1))),
  );
  printWorkload({ workload, images, rows, links, rounds, threads, ...runner });
  return rows;
}

/** Return the contestants: strategies that do not depend on the link once, the others once per link. */
function lanesOf({ links, strategies }) {
  const isRequested = (name) => strategies.some((strategy) => strategy.name === name);
  const names = [...LINK_BLIND, ...LINK_BLIND_ON_REQUEST.filter(isRequested)];
  const blind = names.map((name) => ({ name, strategy: name, links, followsLink: false }));
  const others = [
    { name: 'adaptive', strategy: 'adaptive' },
    ...strategies.filter(({ name }) => !names.includes(name)),
  ];
  return [
    ...blind,
    ...others.flatMap((lane) => links.map((link) => ({ ...lane, links: [link], followsLink: true }))),
  ];
}

function row({ name, isMixed = false }, lane, { text, bitsPerSecond }, samples) {
  const of = (pick) => median(samples.map(pick));
  const roundsMs = samples.map((measure) => pipelinedTime(measure, { bitsPerSecond }).totalMs);
  return {
    workload: name,
    strategy: lane.name,
    link: text,
    bytesIn: samples[0].bytesIn,
    bytesOut: of(({ bytesOut }) => bytesOut),
    encodeMs: of(({ encodeMs }) => encodeMs),
    decodeMs: of(({ decodeMs }) => decodeMs),
    pipelinedMs: median(roundsMs),
    cpuMs: of(({ cpuMs }) => cpuMs),
    // Used by the report only.
    pages: samples[0].pages,
    isMixed,
    followsLink: lane.followsLink,
    roundsMs,
  };
}
