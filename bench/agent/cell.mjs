// One migration of the table: a guest boots, works, and is migrated in one mode.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  ADDRESSES,
  checkerReport,
  cpuSeconds,
  namespacePrefix,
  sentBytes,
  startMachine,
  waitForChecks,
} from '../../build/internal.mjs';
import { AGENT_READY, logged, RELAY_READY } from './log.mjs';
import { GUESTS, MODES } from './modes.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const RELAY = fileURLToPath(new URL('../agent-cpu/relay.mjs', import.meta.url));
const DOWNTIME_LIMIT_MS = 300;
const PORTS = { qemu: 7790, agent: 7788 };
const WARM_COUNT = 30;
const READY = { agent: AGENT_READY, relay: RELAY_READY };
/** Logged by the source agent once it knows what a decision needs, as it does long before a migration. */
const MEASURED = /measured for direct migrations|not measured yet/;
/** Logged by it at the end. */
const FAILED = /failed: /;
/** Logged by it after round one, with the seconds from the begin to the end where pre-copy converges. */
const FORECAST =
  /round 1 ended; (?:the migration ends in \S+ s \(after (\S+) s\)|pre-copy does not converge)/;
/** Logged by "agent migrate" right before it has QEMU start the migration. */
const DECIDED = /settings of both QEMUs|the agents migrate the guest/;
/** Logged by it where QEMU migrates directly. */
const ASIDE = /stepping aside: .* with (\S+)/;

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Migrate one guest in one mode. */
export async function migrateCell(options) {
  const { name, link, mode, folder, guest, mebibytes, limitMs, slowdown, qemu } = options;
  const { work, rate, share } = GUESTS[name];
  const { capabilities = [], parameters = () => ({}), both = {}, between } = MODES[mode];
  const { isPostcopy, hasBase, isDirect, hasMonitor, isStarted } = MODES[mode];
  const outgoing = {
    capabilities,
    parameters: {
      ...{ 'downtime-limit': slowdown * DOWNTIME_LIMIT_MS },
      ...parameters(mebibytes << 20),
      ...both,
    },
  };
  const settings = `work=${work} rate=${rate / slowdown} mib=${Math.floor(share * mebibytes)}`;
  const machine = (side, more) =>
    startMachine({
      folder,
      name: side,
      memoryMib: mebibytes,
      linux: guest(settings),
      prefix: namespacePrefix(side),
      args: [
        // So that the threads of the guest's CPUs have names.
        ...['-name', 'guest,debug-threads=on'],
        ...(hasMonitor ? ['-qmp', `${monitorOf(folder, side)},server=on,wait=off`] : []),
      ],
      ...(qemu && { qemu }),
      ...more,
    });
  const agents = [];
  const machines = [];
  try {
    if (hasBase) await saveBase(options, machine);
    const source = await machine('source');
    machines.push(source);
    const destination = await machine('destination', { incoming: true });
    machines.push(destination);
    // As many operations before the migration.
    await waitForChecks(source, slowdown * WARM_COUNT);
    if (isStarted) await source.setUp(outgoing);
    const through = between ? await startBetween(options, destination, agents) : undefined;
    const incoming = through ? `unix:${destination.socket}` : `tcp:${ADDRESSES.destination}:${PORTS.qemu}`;
    // Else its agent has it listen.
    if (!isDirect) await destination.listen(incoming, { capabilities, parameters: both });
    const before = sentBytes();
    const cpuBefore = cpu(machines, agents);
    const startedAt = performance.now();
    if (!isStarted) await source.migrate(through ?? incoming, outgoing);
    const isFailed = () => !isDirect || FAILED.test(agents.log) || agents.at(-1).exitCode > 0;
    const { status, rounds } = await finished(source, slowdown * limitMs, isPostcopy, isFailed);
    const endMs = isStarted ? sinceSetup(source) : performance.now() - startedAt;
    const totalMs = endMs / slowdown;
    const cpuS = cpu(machines, agents) - cpuBefore;
    const bytes = sentBytes() - before;
    const row = {
      guest: name,
      link: link.text,
      mode,
      mebibytes,
      slowdown,
      status,
      totalMs,
      bytes,
      rounds,
      cpuS,
    };
    if (isDirect) row.chosen = ASIDE.exec(agents.log)?.[1] ?? 'agents';
    else if (hasMonitor) row.forecast = forecastOf(agents.log, slowdown);
    if (status !== 'completed') return row;
    const resumed = await destination.qmp.event('RESUME');
    const stopped = source.qmp.events.findLast(({ event }) => event === 'STOP');
    await waitForChecks(destination, checkerReport(source.serial()).count + 3);
    return { ...row, downtimeMs: (resumed.atMs - stopped.atMs) / slowdown };
  } finally {
    for (const child of agents) child.kill();
    for (const some of machines) await some.quit();
  }
}

/** Milliseconds since QEMU began its migration. */
function sinceSetup(source) {
  const { atMs } = source.qmp.events.find(
    ({ event, data }) => event === 'MIGRATION' && data.status === 'setup',
  );
  return performance.timeOrigin + performance.now() - atMs;
}

/** The forecast after round one: seconds from the begin to the end; null where pre-copy does not converge. */
function forecastOf(log, slowdown) {
  const found = FORECAST.exec(log);
  if (!found) return undefined;
  return { seconds: found[1] === undefined ? null : Number(found[1]) / slowdown };
}

/** A second monitor, which the agent of a side uses. */
function monitorOf(folder, side) {
  return `unix:${join(folder, `${side}.agent`)}`;
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

/** Start agents or relays on both hosts; return the address for the source's QEMU. */
async function startBetween({ folder, mode }, destination, children) {
  const { between, hasBase, isDirect, hasMonitor, isStarted } = MODES[mode];
  const socket = join(folder, `${between}.sock`);
  rmSync(socket, { force: true });
  const start = (side, ...args) => {
    const [program, ...before] = [...namespacePrefix(side), process.execPath, ...args];
    const child = spawn(program, before, { stdio: ['ignore', 'ignore', 'pipe'] });
    children.push(child);
    running.add(child);
    child.once('exit', () => running.delete(child));
    const measures = isDirect && side === 'source';
    const ready = measures && isStarted ? [DECIDED] : [READY[between], ...(measures ? [MEASURED] : [])];
    if (side === 'source') children.log = '';
    return logged(child, ready, (text) => {
      if (side === 'source') children.log += text;
    });
  };
  const host = ADDRESSES.destination;
  const peer = `${host}:${PORTS.agent}`;
  if (between === 'relay') {
    await start('destination', RELAY, 'destination', destination.socket, PORTS.agent, host);
    await start('source', RELAY, 'source', socket, PORTS.agent, host);
  } else {
    const common = ['--insecure', ...(hasBase ? ['--base', join(folder, 'base.raw')] : [])];
    const agent = (side, command, ...args) => start(side, CLI, 'agent', command, ...args, ...common);
    const direct = (side, ...where) => [
      ...(hasMonitor ? ['--qmp', monitorOf(folder, side)] : []),
      ...(isDirect ? ['--direct', ...where] : []),
    ];
    const into = ['--listen', peer, '--connect', `unix:${destination.socket}`];
    await agent('destination', 'destination', ...into, ...direct('destination', `${host}:0`));
    const from = ['--listen', `unix:${socket}`, '--peer', peer];
    await agent('source', isStarted ? 'migrate' : 'source', ...from, ...direct('source'));
  }
  return `unix:${socket}`;
}

/**
 * Wait until the migration ends; return after `limitMs` with the status `never`. An agent that steps aside
 * cancels the migration to it, so a cancel is the end where `isFailed()`.
 */
async function finished(source, limitMs, isPostcopy, isFailed) {
  const startedAt = performance.now();
  let switched = false;
  for (;;) {
    const info = await source.qmp.execute('query-migrate');
    const rounds = info.ram?.['dirty-sync-count'] ?? 0;
    const { status } = info;
    const isEnd = status === 'completed' || (['failed', 'cancelled'].includes(status) && isFailed());
    if (isEnd) return { status, rounds };
    if (performance.now() - startedAt > limitMs) return { status: 'never', rounds };
    // After the first round, as QEMU's documentation recommends.
    if (isPostcopy && !switched && rounds >= 2) {
      await source.qmp.execute('migrate-start-postcopy').catch(() => {});
      switched = true;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** CPU time of the agents, and of both QEMUs without the threads of the guest's CPUs. */
function cpu(machines, agents) {
  const qemus = machines.map(({ pid }) => cpuSeconds(pid) - guestSeconds(pid));
  return [...qemus, ...agents.map(({ pid }) => cpuSeconds(pid))].reduce((sum, seconds) => sum + seconds, 0);
}

function guestSeconds(pid) {
  const tasks = `/proc/${pid}/task`;
  const name = (task) => {
    try {
      return readFileSync(`${tasks}/${task}/comm`, 'utf8');
    } catch {
      // The thread has ended meanwhile; those of the guest's CPUs do not.
      return '';
    }
  };
  return readdirSync(tasks)
    .filter((task) => name(task).startsWith('CPU '))
    .reduce((sum, task) => sum + cpuSeconds(`${pid}/task/${task}`), 0);
}
