// Is the model right? What it predicts from a run without a link (src/analyze/tradeoff/model.ts) against the
// same stream over a paced link in real time, until the last byte has gone. Decoding is left out on both
// sides: one process cannot be both ends of a link.
import { bytesSource, createEncoder } from '../dist/index.js';
import { bundled } from './kernels/load.mjs';
import { print, printTable, writeRows } from './kernels/suite.mjs';
import { median, shuffler } from './race.mjs';
import { createLink, realTime, schedule } from './tradeoff/link.mjs';
import { readLinkOptions } from './tradeoff/options.mjs';
import { collectGarbage, createRunner, encoderOptions } from './tradeoff/runner.mjs';
import { collectImages } from './workloads/index.mjs';

const WAYS = ['fixed:raw', 'fixed:lz4', 'fixed:zstd:1', 'fixed:zstd:3', 'adaptive'];
const MAX_OFF = 0.1;

export async function run(argv) {
  const options = await readLinkOptions(argv, { links: ['300Mbit', '1Gbit', '10Gbit'], runs: 5 });
  const { pipelinedTime } = await bundled('src/analyze/tradeoff/model.ts');
  const rows = [];
  for (const workload of options.quick ? options.workloads.slice(0, 1) : options.workloads) {
    const images = await collectImages(workload, options);
    const found = await compare(workload.name, images, options, pipelinedTime);
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

/** Runs with and without the link take turns; the medians of both are compared. */
async function compare(workload, images, { links, rounds, threads }, pipelinedTime) {
  const runner = createRunner(images, threads);
  const lanes = WAYS.flatMap((strategy) =>
    links.map((link) => ({ strategy, link, predictedMs: [], measuredMs: [] })),
  );
  const shuffled = shuffler(1);
  // The first round is to warm up.
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

/** Milliseconds until the last byte has gone. */
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
    WAYS.map((strategy) => [
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
