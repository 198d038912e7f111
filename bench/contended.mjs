// Real processes into a real rate-limited pipe while the CPU is scarce, until the link has taken the last
// byte: every strategy, zstd, lz4 and cat, in turns. Options:
//   --image FILE, --traces DIR    own images (of a directory: the first of every series), else synthetic
//   --links 100Mbit,1Gbit,10Gbit  --states free,one-core,busy,stopped  --rounds 5
//   --node PATH                   run pageferry with this Node
//   --only NAME,...               these contestants, as in the table
//   --quick (one link, two states, one round, 15 MiB), --json FILE
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ADAPTING_ZSTD, ADAPTIVE, AUTO, compare } from './contended/goals.mjs';
import { createFifo, STATES, send } from './contended/sender.mjs';
import { tracesIn } from './images.mjs';
import {
  badOption,
  checkedOption,
  print,
  printTable,
  readOptions,
  wholeNumber,
  writeRows,
} from './kernels/suite.mjs';
import { has, largestFolder, tryLinks } from './pipe.mjs';
import { median, shuffler } from './race.mjs';
import { openPipe } from './tradeoff/pipe-stage.mjs';
import { database } from './workloads/database.mjs';
import { collectImages } from './workloads/index.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const FIXED = ['raw', 'lz4', 'zero-aware', 'wkdm', 'zstd:1', 'zstd:3', 'zstd:9'];
const TOOLS = {
  cat: ['cat'],
  'lz4 -1': ['lz4', '-1', '-q', '-c'],
  'zstd -1 -T2': ['zstd', '-1', '-T2', '-q', '-c'],
  [ADAPTING_ZSTD]: ['zstd', '--adapt', '-q', '-c'],
};
const GIB = 2 ** 30;

export async function run(argv) {
  const options = contendedOptions(argv);
  const folder = mkdtempSync(join(largestFolder(), 'pageferry-contended-'));
  const rows = [];
  try {
    const pipe = openPipe(folder);
    if (pipe.missing) print(`contended: skipped, ${pipe.missing}`);
    else {
      const links = await tryLinks(pipe, options.links);
      const fifo = createFifo(join(folder, 'pipe'));
      for (const image of await imagesOf(options, folder))
        rows.push(...(await measure(image, { ...options, links, pipe, fifo })));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  printSummary(rows);
  writeRows(options.json, rows);
}

function contendedOptions(argv) {
  const values = readOptions(argv, 'traces', 'image', 'links', 'states', 'rounds', 'node', 'only');
  const { quick, json, traces, image, node = process.execPath } = values;
  const words = (text) => text.split(',');
  const states = words(values.states ?? (quick ? 'free,one-core' : Object.keys(STATES).join(',')));
  const unknown = states.find((name) => !Object.hasOwn(STATES, name));
  if (unknown !== undefined)
    throw badOption(`--states: "${unknown}" is not one of ${Object.keys(STATES).join(', ')}`);
  const links = words(values.links ?? (quick ? '1Gbit' : '100Mbit,1Gbit,10Gbit'));
  const version = spawnSync(node, ['--version'], { encoding: 'utf8' });
  if (version.status !== 0) throw badOption(`--node: cannot run ${node}`);
  return {
    quick,
    json,
    traces,
    image,
    states,
    links: links.map((text) => ({ text, bitsPerSecond: checkedOption('link', text) })),
    rounds: wholeNumber('rounds', values.rounds, quick ? 1 : 5),
    node,
    version: version.stdout.trim(),
    only: values.only?.split(/,(?! )/),
  };
}

/** Return the images as `{ name, file }`. */
async function imagesOf({ image, traces, quick }, folder) {
  if (image !== undefined) return [{ name: image, file: image }];
  if (traces !== undefined) return Object.entries(tracesIn(traces)).map(([name, [file]]) => ({ name, file }));
  const mebibytes = quick ? 24 : 384;
  const [{ bytes }] = await collectImages(database, { mebibytes, maxImages: 1 });
  const file = join(folder, 'image');
  writeFileSync(file, bytes);
  return [{ name: database.name, file }];
}

async function measure(image, options) {
  const { links, states, rounds, version } = options;
  const bytesIn = statSync(image.file).size;
  print(
    `\n${image.name}, ${(bytesIn / 2 ** 20).toFixed(0)} MiB, pageferry on Node ${version}, ${rounds} rounds`,
  );
  const rows = [];
  for (const name of states) {
    const reason = STATES[name].missing?.();
    if (reason) print(`\n  ${name}: skipped, ${reason}`);
    else
      for (const link of links) {
        print(`\n  ${name}, ${STATES[name].description}, ${link.text}`);
        rows.push(...(await measureCell({ image, bytesIn, state: name, link }, options)));
      }
  }
  return rows;
}

/** Run all contestants of one state and link in turns. */
async function measureCell({ image, bytesIn, state, link }, { rounds, node, version, only, pipe, fifo }) {
  const lanes = contestants(image.file, link, node)
    .filter(({ name }) => !only || only.includes(name))
    .map((one) => ({ ...one, results: [] }));
  if (lanes.length === 0) throw badOption('--only: there is no such contestant');
  const inTurns = shuffler(1);
  for (let round = 0; round < rounds; round++)
    for (const { command, results } of inTurns(lanes))
      results.push(await send(command, pipe.reporting(link.bitsPerSecond, 3), fifo, STATES[state]));
  const cell = { image: image.name, state, link: link.text, pageferryNode: version };
  const rows = lanes.map(({ name, kind, results }) => {
    const times = results.map(({ ms }) => ms);
    return {
      ...cell,
      name,
      kind,
      medianMs: median(times),
      minMs: Math.min(...times),
      maxMs: Math.max(...times),
      bytesOut: results[0].bytes,
      cpuSecondsPerGiB: (median(results.map(({ cpuMs }) => cpuMs)) * GIB) / bytesIn / 1000,
    };
  });
  printTable(
    ['', 'seconds', 'min .. max', 'MiB sent', 'CPU s/GiB'],
    rows.map(({ name, medianMs, minMs, maxMs, bytesOut, cpuSecondsPerGiB }) => [
      name,
      (medianMs / 1000).toFixed(2),
      `${(minMs / 1000).toFixed(2)} .. ${(maxMs / 1000).toFixed(2)}`,
      (bytesOut / 2 ** 20).toFixed(1),
      cpuSecondsPerGiB.toFixed(2),
    ]),
  );
  return [...rows, ...compare(rows, cell, link.bitsPerSecond)];
}

function contestants(file, link, node) {
  const ours = (name, kind, strategy, rate) => ({
    name,
    kind,
    command: [node, CLI, 'pack', file, '--strategy', strategy, '--link', rate, '-o', '-'],
  });
  return [
    ours(ADAPTIVE, 'adaptive', 'adaptive', link.text),
    ours(AUTO, 'adaptive', 'adaptive', 'auto'),
    ...FIXED.map((codec) => ours(`fixed:${codec}`, 'fixed', `fixed:${codec}`, link.text)),
    ...Object.entries(TOOLS)
      .filter(([, [tool]]) => tool === 'cat' || has(tool))
      .map(([name, command]) => ({ name, kind: 'tool', command: [...command, file] })),
  ];
}

function printSummary(rows) {
  const verdicts = rows.filter(({ goal }) => goal !== undefined);
  if (verdicts.length === 0) return;
  print(`\nall states and links:`);
  printTable(
    ['', 'goal', 'worst', 'met'],
    [...new Set(verdicts.map(({ goal }) => goal))].map((goal) => {
      const own = verdicts.filter((row) => row.goal === goal);
      const targets = [...new Set(own.map(({ target }) => `<= ${target}`))].join(', ');
      const worst = Math.max(...own.map(({ ratio }) => ratio));
      return [goal, targets, worst.toFixed(2), `${own.filter(({ met }) => met).length} of ${own.length}`];
    }),
  );
}
