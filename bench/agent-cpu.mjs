// CPU time of the agents: a recorded migration stream through both processes, no guest beside them, and
// through two relays that only copy.
//   --stream FILE      a stream of QEMU, as `migrate exec:cat>FILE` writes it; may be repeated
//   --workload NAME    else streams of these workloads; may be repeated (default: idle, database)
//   --guest NAME       or a real guest of the suite `agent` in QEMU, stopped, beside QEMU's own modes
//   --memory MIB       memory of a workload or guest (default: 256)
//   --link RATE        none: not shaped; may be repeated (default: none, 1Gbit)
//   --strategy NAME    of the source agent
//   --runs N           the median counts (default: 3)
//   --functions N      the N slowest functions of each side
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { linuxSkipReason } from '../build/internal.mjs';
import { GUESTS } from './agent/modes.mjs';
import { sendThrough } from './agent-cpu/processes.mjs';
import { PART_NAMES, partsOf } from './agent-cpu/profile.mjs';
import { migrateStopped } from './agent-cpu/qemu.mjs';
import { streams } from './agent-cpu/stream.mjs';
import { badOption, checkedOption, print, printTable, wholeNumber, writeRows } from './kernels/suite.mjs';
import { median } from './race.mjs';

const GIB = 2 ** 30;
const SIDES = ['source', 'destination'];

export async function run(argv) {
  const options = readOptions(argv);
  const rows = [];
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
  try {
    if (options.guest !== undefined) {
      const reason = linuxSkipReason();
      if (reason !== undefined) return print(`agent-cpu: skipped, ${reason}`);
      const path = join(folder, `${options.guest}.stream`);
      rows.push(...(await guestModes({ ...options, folder, path })));
      options.paths = [path];
    }
    for await (const { name, bytes: stream, pageBytes } of streams(options))
      for (const link of options.links) {
        print(
          `\n${name}, ${(pageBytes / GIB).toFixed(2)} GiB of pages in ${(stream.length / GIB).toFixed(2)} GiB of stream, link ${link.text}`,
        );
        const work = { ...options, folder, stream, link, gibibytes: pageBytes / GIB };
        const some = [];
        for (const kind of ['relay', 'agents'])
          some.push({ stream: name, link: link.text, kind, ...(await measure({ ...work, kind })) });
        report(some);
        rows.push(...some);
        await profile(work);
      }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  writeRows(options.json, rows);
}

/** Rows of QEMU's own modes for a guest, whose stream is recorded in `path`. */
async function guestModes({ folder, guest, mebibytes, path }) {
  const { work, rate, share } = GUESTS[guest];
  const settings = `work=${work} rate=${rate} mib=${Math.floor(share * mebibytes)}`;
  const { pageBytes, modes } = await migrateStopped({
    folder,
    settings,
    mebibytes,
    path,
    readFile: readFileSync,
  });
  const gibibytes = pageBytes / GIB;
  const rows = Object.entries(modes).map(([kind, { source, destination, wallS }]) => ({
    ...{ stream: guest, link: 'none', kind, wallS, sent: '' },
    ...{ source: source / gibibytes, destination: destination / gibibytes },
    both: (source + destination) / gibibytes,
  }));
  report(rows);
  return rows;
}

function readOptions(argv) {
  const text = { type: 'string' };
  const many = { type: 'string', multiple: true };
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      ...{ stream: many, workload: many, guest: text, memory: text, link: many },
      ...{ strategy: text, runs: text, functions: text, json: text },
    },
  });
  const { quick, workload: names = quick ? ['idle'] : ['idle', 'database'] } = values;
  if (values.guest !== undefined && !Object.hasOwn(GUESTS, values.guest))
    throw badOption(`--guest: "${values.guest}" is not one of ${Object.keys(GUESTS).join(', ')}`);
  return {
    guest: values.guest,
    names,
    paths: values.stream,
    json: values.json,
    strategy: values.strategy,
    mebibytes: wholeNumber('memory', values.memory, quick ? 32 : 256),
    runs: wholeNumber('runs', values.runs, quick ? 1 : 3),
    functions: wholeNumber('functions', values.functions, undefined),
    links: (values.link ?? (quick ? ['none'] : ['none', '1Gbit'])).map((text) => ({
      text,
      bitsPerSecond: text === 'none' ? undefined : checkedOption('link', text),
    })),
  };
}

/** Return medians: CPU seconds for a GiB of pages, and wall seconds. */
async function measure({ folder, stream, link, kind, strategy, runs, gibibytes }) {
  const results = [];
  for (let i = 0; i < runs; i++)
    results.push(
      await sendThrough({
        ...{ folder, stream, kind, strategy, nodeArguments: () => [] },
        bitsPerSecond: link.bitsPerSecond,
      }),
    );
  const middle = (value) => median(results.map(value));
  return {
    source: middle(({ cpuS }) => cpuS.source) / gibibytes,
    destination: middle(({ cpuS }) => cpuS.destination) / gibibytes,
    both: middle(({ cpuS }) => cpuS.source + cpuS.destination) / gibibytes,
    wallS: middle(({ startedUs, endedUs }) => (endedUs - startedUs) / 1e6),
    sent: /sent \S+ \S+ for/.exec(results[0].log)?.[0] ?? '',
  };
}

function report(rows) {
  printTable(
    ['CPU seconds a GiB of pages', 'source', 'destination', 'both', 'wall s'],
    rows.map(({ kind, source, destination, both, wallS }) => [
      kind,
      ...[source, destination, both, wallS].map((value) => value.toFixed(2)),
    ]),
  );
  const sent = rows.at(-1).sent;
  if (sent) print(`  agents: ${sent.replace(' for', '')}`);
}

/** One more run with profiles: shares of the parts. */
async function profile({ folder, stream, link, strategy, functions, gibibytes }) {
  const folderOf = (side) => join(folder, side);
  for (const side of SIDES) mkdirSync(folderOf(side), { recursive: true });
  const result = await sendThrough({
    ...{ folder, stream, kind: 'agents', strategy },
    bitsPerSecond: link.bitsPerSecond,
    nodeArguments: (side) => ['--cpu-prof', `--cpu-prof-dir=${folderOf(side)}`, '--cpu-prof-interval=250'],
  });
  const [source, destination] = SIDES.map((side) => partsOf(folderOf(side), result));
  const seconds = ({ seconds }, part) => (seconds.get(part) ?? 0) / gibibytes;
  printTable(
    ['by part, with the profiler', 'source', 'destination'],
    PART_NAMES.map((part) => [part, seconds(source, part).toFixed(2), seconds(destination, part).toFixed(2)]),
  );
  for (const [i, { functions: all }] of [source, destination].entries())
    if (functions !== undefined)
      printTable(
        [SIDES[i], 's a GiB'],
        all.slice(0, functions).map(([name, spent]) => [name, (spent / gibibytes).toFixed(3)]),
      );
  for (const side of SIDES) rmSync(folderOf(side), { recursive: true, force: true });
}
