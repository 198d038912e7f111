// Busy guests between two network namespaces with a rate-limited link: the agents against QEMU's migration
// modes.
//   --guest NAME, --mode NAME, --link RATE   only these; may be repeated (link "none": not limited)
//   --memory MIB                             guest memory (default: 512)
//   --limit SECONDS                          longer migrations are abandoned (default: 90)
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  ADDRESSES,
  buildProgram,
  checkerReport,
  closeNamespaces,
  cpuSeconds,
  GUEST_WORKLOAD,
  linuxSkipReason,
  namespacePrefix,
  namespacesSkipReason,
  openNamespaces,
  sentBytes,
  startMachine,
  waitForChecks,
} from '../build/internal.mjs';
import { badOption, checkedOption, print, printTable, wholeNumber, writeRows } from './kernels/suite.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const DOWNTIME_LIMIT_MS = 300;
const PORTS = { qemu: 7790, agent: 7788 };
const WARM_COUNT = 30;
/** Logged by an agent once it listens. */
const READY = /warm-up (finished|failed)/;

/** Workloads: program, operations per second, share of guest memory that it uses. */
export const GUESTS = {
  idle: { work: 'idle', rate: 0, share: 0.4 },
  store: { work: 'store', rate: 3000, share: 0.5 },
  database: { work: 'database', rate: 4000, share: 0.5 },
  compiler: { work: 'compiler', rate: 400, share: 0.4 },
  heap: { work: 'heap', rate: 6000, share: 0.5 },
  words: { work: 'words', rate: 8000, share: 0.3 },
};

const MODES = {
  plain: {},
  xbzrle: {
    capabilities: ['xbzrle'],
    parameters: (bytes) => ({ 'xbzrle-cache-size': 2 ** Math.floor(Math.log2(bytes)) }),
  },
  multifd: { capabilities: ['multifd'] },
  'multifd-zlib': { capabilities: ['multifd'], both: { 'multifd-compression': 'zlib' } },
  'multifd-zstd': { capabilities: ['multifd'], both: { 'multifd-compression': 'zstd' } },
  postcopy: { capabilities: ['postcopy-ram'], postcopy: true },
  agent: { capabilities: ['return-path'], agent: true },
  'agent, base': { capabilities: ['return-path'], agent: true, base: true },
};

export async function run(argv) {
  const options = readOptions(argv);
  const reason = linuxSkipReason() ?? namespacesSkipReason();
  if (reason !== undefined) return print(`agent: skipped, ${reason}`);
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-agent-'));
  const rows = [];
  try {
    const guest = buildProgram(folder, GUEST_WORKLOAD);
    for (const name of options.guests)
      for (const link of options.links) {
        openNamespaces(link.bitsPerSecond);
        print(`\n${name}, ${link.text}, ${options.mebibytes} MiB`);
        const some = [];
        for (const mode of options.modes)
          some.push(await migrate({ ...options, folder, guest, name, link, mode }));
        rows.push(...some);
        report(some);
      }
  } finally {
    closeNamespaces();
    rmSync(folder, { recursive: true, force: true });
  }
  writeRows(options.json, rows);
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
  for (const text of values.link ?? (quick ? ['1Gbit'] : ['100Mbit', '1Gbit']))
    links.push({
      text,
      bitsPerSecond: text === 'none' ? undefined : checkedOption('link', text),
    });
  return {
    json: values.json,
    guests: chosen('guest', GUESTS, quick ? ['store'] : Object.keys(GUESTS)),
    modes: chosen('mode', MODES, quick ? ['plain', 'agent'] : Object.keys(MODES)),
    links,
    mebibytes: wholeNumber('memory', values.memory, quick ? 160 : 512),
    limitMs: 1000 * wholeNumber('limit', values.limit, 90),
  };
}

/** Migrate one guest in one mode. */
async function migrate(options) {
  const { name, link, mode, folder, guest, mebibytes, limitMs } = options;
  const { work, rate, share } = GUESTS[name];
  const { capabilities = [], parameters = () => ({}), both = {}, postcopy, agent, base } = MODES[mode];
  const settings = `work=${work} rate=${rate} mib=${Math.floor(share * mebibytes)}`;
  const machine = (side, more) =>
    startMachine({
      folder,
      name: side,
      memoryMib: mebibytes,
      linux: guest(settings),
      prefix: namespacePrefix(side),
      ...more,
    });
  const agents = [];
  const machines = [];
  try {
    if (base) await saveBase(options, machine);
    const source = await machine('source');
    machines.push(source);
    const destination = await machine('destination', { incoming: true });
    machines.push(destination);
    await waitForChecks(source, WARM_COUNT);
    const through = agent ? await startAgents(options, destination, agents) : undefined;
    const incoming = through ? `unix:${destination.socket}` : `tcp:${ADDRESSES.destination}:${PORTS.qemu}`;
    await destination.listen(incoming, { capabilities, parameters: both });
    const before = sentBytes();
    const cpuBefore = cpu(machines, agents);
    const startedAt = performance.now();
    await source.migrate(through ?? incoming, {
      capabilities,
      parameters: { 'downtime-limit': DOWNTIME_LIMIT_MS, ...parameters(mebibytes << 20), ...both },
    });
    const { status, rounds } = await finished(source, limitMs, postcopy);
    const totalMs = performance.now() - startedAt;
    const cpuS = cpu(machines, agents) - cpuBefore;
    const bytes = sentBytes() - before;
    if (status !== 'completed')
      return {
        guest: name,
        link: link.text,
        mode,
        status,
        totalMs,
        downtimeMs: undefined,
        bytes,
        rounds,
        cpuS,
      };
    const resumed = await destination.qmp.event('RESUME');
    const stopped = source.qmp.events.findLast(({ event }) => event === 'STOP');
    await waitForChecks(destination, checkerReport(source.serial()).count + 3);
    return {
      guest: name,
      link: link.text,
      mode,
      status,
      totalMs,
      downtimeMs: resumed.atMs - stopped.atMs,
      bytes,
      rounds,
      cpuS,
    };
  } finally {
    for (const child of agents) child.kill();
    for (const some of machines) await some.quit();
  }
}

/** Save the memory of another boot of the same system, as a base image for both hosts. */
async function saveBase({ folder, mebibytes }, machine) {
  const path = join(folder, 'base.raw');
  if (existsSync(path)) rmSync(path);
  const other = await machine('source');
  await waitForChecks(other, WARM_COUNT);
  await other.qmp.execute('stop');
  writeFileSync(path, await other.memory(mebibytes << 20));
  await other.quit();
}

async function startAgents({ folder, mode }, destination, agents) {
  const socket = join(folder, 'agent.sock');
  rmSync(socket, { force: true });
  const common = ['--insecure', ...(MODES[mode].base ? ['--base', join(folder, 'base.raw')] : [])];
  const start = (side, ...args) => {
    const [program, ...before] = [
      ...namespacePrefix(side),
      process.execPath,
      CLI,
      'agent',
      side,
      ...args,
      ...common,
    ];
    const child = spawn(program, before, { stdio: ['ignore', 'ignore', 'pipe'] });
    agents.push(child);
    let log = '';
    return new Promise((resolve, reject) => {
      child.stderr.on('data', (text) => {
        log += text;
        if (READY.test(log)) resolve();
      });
      child.once('exit', () => reject(new Error(`the ${side} agent exited: ${log}`)));
    });
  };
  const peer = `${ADDRESSES.destination}:${PORTS.agent}`;
  await start('destination', '--listen', peer, '--connect', `unix:${destination.socket}`);
  await start('source', '--listen', `unix:${socket}`, '--peer', peer);
  return `unix:${socket}`;
}

/** Wait until the migration ends; return after `limitMs` with the status `never`. */
async function finished(source, limitMs, postcopy) {
  const startedAt = performance.now();
  let switched = false;
  for (;;) {
    const info = await source.qmp.execute('query-migrate');
    const rounds = info.ram?.['dirty-sync-count'] ?? 0;
    if (['completed', 'failed', 'cancelled'].includes(info.status)) return { status: info.status, rounds };
    if (performance.now() - startedAt > limitMs) return { status: 'never', rounds };
    // After the first round, as QEMU's documentation recommends.
    if (postcopy && !switched && rounds >= 2) {
      await source.qmp.execute('migrate-start-postcopy').catch(() => {});
      switched = true;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function cpu(machines, agents) {
  return [...machines, ...agents].reduce((sum, { pid }) => sum + cpuSeconds(pid), 0);
}

function report(rows) {
  printTable(
    ['mode', 'total s', 'downtime ms', 'MB', 'rounds', 'CPU s, both hosts'],
    rows.map(({ mode, status, totalMs, downtimeMs, bytes, rounds, cpuS }) => [
      mode,
      status === 'completed' ? (totalMs / 1000).toFixed(2) : status,
      downtimeMs === undefined ? '' : downtimeMs.toFixed(0),
      (bytes / 1e6).toFixed(1),
      rounds,
      cpuS.toFixed(1),
    ]),
  );
  const best = rows
    .filter(({ mode, status }) => !mode.startsWith('agent') && status === 'completed')
    .sort((a, b) => a.totalMs - b.totalMs)[0];
  const ours = rows.find(({ mode }) => mode === 'agent');
  if (best && ours?.status === 'completed')
    print(
      `  agent: ${(ours.totalMs / best.totalMs).toFixed(2)} × the time of QEMU's best mode (${best.mode})`,
    );
}
