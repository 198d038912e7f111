// Busy guests between two network namespaces with a rate-limited link: the agents against QEMU's migration
// modes. QEMU is that of PAGEFERRY_TEST_QEMU10, else the installed one.
//   --guest NAME, --mode NAME, --link RATE   only these; may be repeated (link "none": not limited)
//   --memory MIB                             guest memory (default: 512)
//   --limit SECONDS                          longer migrations are abandoned (default: 90)
//   --runs N                                 runs of each cell, in turns (default: 1)
//   --slowdown N     simulate cores N times as fast: links take 1/N of their rate, guests work 1/N as often,
//                    the limit on the downtime is N times as long, and the printed times are divided by N
//   --seconds S      begin no migration after this time
//   --rows FILE      append each run to FILE as a line of JSON, and print the table of all runs in it: a long
//                    table is measured in parts; "--runs 0" only prints it
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  buildProgram,
  closeNamespaces,
  GUEST_WORKLOAD,
  linuxSkipReason,
  namespacesSkipReason,
  newerQemu,
  newerQemuSkipReason,
  openNamespaces,
  qemuVersion,
} from '../build/internal.mjs';
import { migrateCell } from './agent/cell.mjs';
import { GUESTS, MODES, USUAL_MODES } from './agent/modes.mjs';
import { printCells } from './agent/table.mjs';
import { badOption, checkedOption, print, wholeNumber, writeRows } from './kernels/suite.mjs';

export async function run(argv) {
  const options = readOptions(argv);
  const reason = linuxSkipReason() ?? namespacesSkipReason();
  if (reason !== undefined) return print(`agent: skipped, ${reason}`);
  const qemu = newerQemuSkipReason() === undefined ? newerQemu() : undefined;
  // Its children end with the process.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  const rows = [];
  if (options.runs > 0) await measure({ ...options, qemu }, rows);
  const { file } = options;
  const earlier = file !== undefined && existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  printCells(file === undefined ? rows : earlier.filter(Boolean).map((line) => JSON.parse(line)));
  writeRows(options.json, rows);
}

async function measure(options, rows) {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-agent-'));
  const versions = { qemu: qemuVersion(options.qemu), node: process.versions.node };
  try {
    const guest = buildProgram(folder, GUEST_WORKLOAD);
    for (const link of options.links) {
      openNamespaces(link.bitsPerSecond && link.bitsPerSecond / options.slowdown);
      for (let run = 0; run < options.runs; run++)
        for (const name of options.guests)
          for (const mode of options.modes) {
            if (performance.now() > options.endMs) continue;
            const row = {
              ...(await migrateCell({ ...options, folder, guest, name, link, mode })),
              ...versions,
            };
            rows.push(row);
            if (options.file !== undefined) appendFileSync(options.file, `${JSON.stringify(row)}\n`);
            const seconds = (row.totalMs / 1000).toFixed(2);
            print(`${name}, ${link.text}, ${mode}: ${row.status} after ${seconds} s`);
          }
    }
  } finally {
    closeNamespaces();
    rmSync(folder, { recursive: true, force: true });
  }
}

function readOptions(argv) {
  const many = { type: 'string', multiple: true };
  const text = { type: 'string' };
  const { values } = parseArgs({
    args: argv,
    options: {
      quick: { type: 'boolean', default: false },
      json: text,
      guest: many,
      mode: many,
      link: many,
      memory: text,
      limit: text,
      runs: text,
      slowdown: text,
      seconds: text,
      rows: text,
    },
  });
  const { quick } = values;
  const chosen = (option, known, fallback) => {
    for (const name of values[option] ?? [])
      if (!Object.hasOwn(known, name))
        throw badOption(`--${option}: "${name}" is not one of ${Object.keys(known).join(', ')}`);
    return values[option] ?? fallback;
  };
  const links = [];
  for (const text of values.link ?? (quick ? ['1Gbit'] : ['100Mbit', '1Gbit', 'none']))
    links.push({
      text,
      bitsPerSecond: text === 'none' ? undefined : checkedOption('link', text),
    });
  return {
    json: values.json,
    file: values.rows,
    runs: values.runs === '0' ? 0 : wholeNumber('runs', values.runs, 1),
    guests: chosen('guest', GUESTS, quick ? ['store'] : Object.keys(GUESTS)),
    modes: chosen('mode', MODES, quick ? ['plain', 'agent', 'agent, direct'] : USUAL_MODES),
    links,
    slowdown: wholeNumber('slowdown', values.slowdown, 1),
    mebibytes: wholeNumber('memory', values.memory, quick ? 160 : 512),
    endMs: values.seconds ? performance.now() + 1000 * wholeNumber('seconds', values.seconds, 0) : Infinity,
    limitMs: 1000 * wholeNumber('limit', values.limit, 90),
  };
}
