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
import { GUESTS, MODES } from './modes.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const RELAY = fileURLToPath(new URL('../agent-cpu/relay.mjs', import.meta.url));
const DOWNTIME_LIMIT_MS = 300;
const PORTS = { qemu: 7790, agent: 7788 };
const WARM_COUNT = 30;
/** Logged by an agent once it is warm, and by a relay. */
const READY = { agent: /warm-up (finished|failed)/, relay: /listening/ };

const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Migrate one guest in one mode. */
export async function migrateCell(options) {
  const { name, link, mode, folder, guest, mebibytes, limitMs, qemu } = options;
  const { work, rate, share } = GUESTS[name];
  const { capabilities = [], parameters = () => ({}), both = {}, isPostcopy, between, hasBase } = MODES[mode];
  const settings = `work=${work} rate=${rate} mib=${Math.floor(share * mebibytes)}`;
  const machine = (side, more) =>
    startMachine({
      folder,
      name: side,
      memoryMib: mebibytes,
      linux: guest(settings),
      prefix: namespacePrefix(side),
      // So that the threads of the guest's CPUs have names.
      args: ['-name', 'guest,debug-threads=on'],
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
    await waitForChecks(source, WARM_COUNT);
    const through = between ? await startBetween(options, destination, agents) : undefined;
    const incoming = through ? `unix:${destination.socket}` : `tcp:${ADDRESSES.destination}:${PORTS.qemu}`;
    await destination.listen(incoming, { capabilities, parameters: both });
    const before = sentBytes();
    const cpuBefore = cpu(machines, agents);
    const startedAt = performance.now();
    await source.migrate(through ?? incoming, {
      capabilities,
      parameters: { 'downtime-limit': DOWNTIME_LIMIT_MS, ...parameters(mebibytes << 20), ...both },
    });
    const { status, rounds } = await finished(source, limitMs, isPostcopy);
    const totalMs = performance.now() - startedAt;
    const cpuS = cpu(machines, agents) - cpuBefore;
    const bytes = sentBytes() - before;
    const row = { guest: name, link: link.text, mode, mebibytes, status, totalMs, bytes, rounds, cpuS };
    if (status !== 'completed') return row;
    const resumed = await destination.qmp.event('RESUME');
    const stopped = source.qmp.events.findLast(({ event }) => event === 'STOP');
    await waitForChecks(destination, checkerReport(source.serial()).count + 3);
    return { ...row, downtimeMs: resumed.atMs - stopped.atMs };
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

/** Start agents or relays on both hosts; return the address for the source's QEMU. */
async function startBetween({ folder, mode }, destination, children) {
  const { between, hasBase } = MODES[mode];
  const socket = join(folder, `${between}.sock`);
  rmSync(socket, { force: true });
  const start = (side, ...args) => {
    const [program, ...before] = [...namespacePrefix(side), process.execPath, ...args];
    const child = spawn(program, before, { stdio: ['ignore', 'ignore', 'pipe'] });
    children.push(child);
    running.add(child);
    child.once('exit', () => running.delete(child));
    let log = '';
    return new Promise((resolve, reject) => {
      child.stderr.on('data', (text) => {
        log += text;
        if (READY[between].test(log)) resolve();
      });
      child.once('exit', () => reject(new Error(`the ${side} ${between} exited: ${log}`)));
    });
  };
  const host = ADDRESSES.destination;
  const peer = `${host}:${PORTS.agent}`;
  if (between === 'relay') {
    await start('destination', RELAY, 'destination', destination.socket, PORTS.agent, host);
    await start('source', RELAY, 'source', socket, PORTS.agent, host);
  } else {
    const common = ['--insecure', ...(hasBase ? ['--base', join(folder, 'base.raw')] : [])];
    const agent = (side, ...args) => start(side, CLI, 'agent', side, ...args, ...common);
    await agent('destination', '--listen', peer, '--connect', `unix:${destination.socket}`);
    await agent('source', '--listen', `unix:${socket}`, '--peer', peer);
  }
  return `unix:${socket}`;
}

/** Wait until the migration ends; return after `limitMs` with the status `never`. */
async function finished(source, limitMs, isPostcopy) {
  const startedAt = performance.now();
  let switched = false;
  for (;;) {
    const info = await source.qmp.execute('query-migrate');
    const rounds = info.ram?.['dirty-sync-count'] ?? 0;
    if (['completed', 'failed', 'cancelled'].includes(info.status)) return { status: info.status, rounds };
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
  const isGuest = (task) => readFileSync(`${tasks}/${task}/comm`, 'utf8').startsWith('CPU ');
  return readdirSync(tasks)
    .filter(isGuest)
    .reduce((sum, task) => sum + cpuSeconds(`${pid}/task/${task}`), 0);
}
