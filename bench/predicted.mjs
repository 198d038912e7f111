// Accuracy of the model of pipelined time (src/analyze/tradeoff/model.ts): its prediction from a run without
// a link, against the same stream over a rate-limited link in real time, until the last byte is sent.
// Decoding is excluded from both: one process cannot be both ends of a link.
import { pipelinedTime } from '../build/internal.mjs';
import { bytesSource, createEncoder } from '../dist/index.js';
import { print, printTable, writeRows } from './kernels/suite.mjs';
import { median, shuffler } from './race.mjs';
import { createLink, realTime, schedule } from './tradeoff/link.mjs';
import { readLinkOptions } from './tradeoff/options.mjs';
import { collectGarbage, createRunner, encoderOptions } from './tradeoff/runner.mjs';
import { collectImages } from './workloads/index.mjs';

const STRATEGIES = ['fixed:raw', 'fixed:lz4', 'fixed:zstd:1', 'fixed:zstd:3', 'adaptive'];
const MAX_OFF = 0.1;

export async function run(argv) {
  const options = await readLinkOptions(argv, { links: ['300Mbit', '1Gbit', '10Gbit'], runs: 5 });
  const rows = [];
  for (const workload of options.quick ? options.workloads.slice(0, 1) : options.workloads) {
    const images = await collectImages(workload, options);
    const found = await compare(workload.name, images, options);
    report(workload.name, found, options);
    rows.push(...found);
  }
  const off = rows.filter(({ ratio }) => Math.abs(ratio - 1) > MAX_OFF).length;
  const worst = rows.reduce((a, b) => (Math.abs(Math.log(b.ratio)) > Math.abs(Math.log(a.ratio)) ? b : a));
  print(
    `\nmeasured / predicted: ${rows.length - off} of ${rows.length} within ${100 * MAX_OFF} %; worst ${worst.ratio.toFixed(3)} (${worst.workload}, ${worst.strategy}, ${worst.link})`,
  );
  writeRows(options.json, rows);
}

/** Run with and without the link in turns; compare the medians. */
async function compare(workload, images, { links, rounds, threads }) {
  const runner = createRunner(images, threads);
  const lanes = STRATEGIES.flatMap((strategy) =>
    links.map((link) => ({ strategy, link, predictedMs: [], measuredMs: [] })),
  );
  const shuffled = shuffler(1);
  // The first round is the warm-up.
  for (let round = 0; round <= rounds; round++)
    for (const lane of shuffled(lanes)) {
      const { strategy, link } = lane;
      collectGarbage();
      const measure = await runner.run({ name: strategy, strategy }, link.bitsPerSecond);
      collectGarbage();
      const measuredMs = await paced(images, strategy, link.bitsPerSecond, threads);
      if (round === 0) continue;
      lane.predictedMs.push(pipelinedTime({ ...measure, decodeMs: 0 }, link).totalMs);
      lane.measuredMs.push(measuredMs);
    }
  return lanes.map(({ strategy, link, ...lane }) => {
    const [predictedMs, measuredMs] = [median(lane.predictedMs), median(lane.measuredMs)];
    return {
      suite: 'predicted',
      workload,
      strategy,
      link: link.text,
      predictedMs,
      measuredMs,
      ratio: measuredMs / predictedMs,
    };
  });
}

/** Return the milliseconds until the last byte is sent. */
async function paced(images, strategy, bitsPerSecond, threads) {
  const link = createLink(schedule([{ bitsPerSecond }]), realTime, 1 << 20);
  const output = (parts) => link.send(parts.reduce((sum, { length }) => sum + length, 0));
  const encoder = await createEncoder(output, {
    ...encoderOptions(images),
    strategy,
    linkBitsPerSecond: bitsPerSecond,
    threads,
  });
  for (const { name, bytes } of images) await encoder.encode(bytesSource(bytes, name));
  await encoder.finish();
  return Math.max(link.now(), link.freeAtMs);
}

function report(workload, rows, { links, rounds, threads }) {
  print(`\n${workload}, ${threads} threads, medians of ${rounds}: predicted → measured ms (ratio)`);
  printTable(
    ['', ...links.map(({ text }) => text)],
    STRATEGIES.map((strategy) => [
      strategy,
      ...links.map(({ text }) => {
        const { predictedMs, measuredMs, ratio } = rows.find(
          (row) => row.strategy === strategy && row.link === text,
        );
        return `${predictedMs.toFixed(0)} → ${measuredMs.toFixed(0)} (${ratio.toFixed(2)})`;
      }),
    ]),
  );
}
