// Migrations in sequence, back and forth between two hosts on loopback, through the same agents; the link is
// cut in the middle of every third one. Guest memory has to be correct after each, every failure has to be
// logged with its reason, and no file descriptor may leak.
//   --times N    number of migrations (default: 100, with --quick 5)
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  buildGuest,
  checkerReport,
  linuxSkipReason,
  startMachine,
  waitForChecks,
} from '../build/internal.mjs';
import { AGENT_READY, logged, within } from './agent/log.mjs';
import { print, wholeNumber, writeRows } from './kernels/suite.mjs';
import { seeded } from './seeded.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const MEMORY_MIB = 128;
const CUT_EVERY = 3;
/** A cut happens within the first bytes on the wire, this many at most. */
const MAX_CUT_BYTES = 6e6;
const LIMIT_MS = 60_000;
const SETTLE_MS = 5000;

export async function run(argv) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    args: argv,
    options: { quick: { type: 'boolean', default: false }, json: text, times: text },
  });
  const reason = linuxSkipReason();
  if (reason !== undefined) return print(`agent-soak: skipped, ${reason}`);
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-soak-'));
  const soak = new Soak(folder, buildGuest(folder));
  try {
    const result = await soak.run(wholeNumber('times', values.times, values.quick ? 5 : 100));
    writeRows(values.json, [result]);
    if (result.errors.length > 0) throw new Error(`agent-soak: ${result.errors.join('; ')}`);
  } finally {
    await soak.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Soak {
  hosts = [];
  machine = undefined;
  errors = [];
  random = seeded(2026);

  constructor(folder, guest) {
    this.folder = folder;
    this.guest = guest;
  }

  async run(times) {
    for (const name of ['a', 'b']) this.hosts.push(await Host.start(this.folder, name));
    for (const [i, host] of this.hosts.entries()) await host.startSource(this.hosts[1 - i]);
    this.machine = await this.start('guest-0', false);
    await waitForChecks(this.machine, 3);
    const counts = { completed: 0, failed: 0 };
    let early;
    for (let i = 1; i <= times; i++) {
      const cut = i % CUT_EVERY === 0;
      const outcome = await this.migrate(i, cut);
      counts[outcome]++;
      if (i === Math.min(10, Math.ceil(times / 2))) early = this.usage();
      if (i % 10 === 0 || i === times)
        print(
          `  ${i} migrations: ${counts.completed} completed, ${counts.failed} failed; ${JSON.stringify(this.usage())}`,
        );
    }
    const late = await this.settled(early);
    for (const [i, { files }] of late.entries())
      if (files > early[i].files)
        this.errors.push(`agent ${i}: ${files} open files, ${early[i].files} at the start`);
    const reasons = this.hosts.flatMap(({ reasons }) => reasons);
    if (reasons.length < counts.failed)
      this.errors.push(`${counts.failed} failures, ${reasons.length} reasons in the logs`);
    print(`  reasons: ${[...new Set(reasons.map((reason) => reason.replace(/\d+/g, 'N')))].join(' | ')}`);
    print(
      `  ${this.errors.length === 0 ? 'every check passed, no descriptor leaked' : this.errors.join('; ')}`,
    );
    return { ...counts, times, early, late, errors: this.errors };
  }

  /** Migrate the guest to the other host. */
  async migrate(number, cut) {
    const [from, to] = (number % 2 === 1) === !this.swapped ? [0, 1] : [1, 0];
    const destination = await this.start(`guest-${number}`, true);
    const { machine } = this;
    this.hosts[to].qemu = destination.socket;
    this.hosts[to].relay.cutAfter = cut ? this.random() % MAX_CUT_BYTES : Infinity;
    await destination.listen(`unix:${destination.socket}`, { capabilities: ['return-path'] });
    const { count } = checkerReport(machine.serial());
    await machine.migrate(`unix:${this.hosts[from].socket}`, { capabilities: ['return-path'] });
    const error = await within(
      LIMIT_MS,
      machine.migrated().then(
        () => undefined,
        (cause) => cause,
      ),
      () => `migration ${number}`,
    );
    const [current, other] = error ? [machine, destination] : [destination, machine];
    await within(LIMIT_MS, waitForChecks(current, count + 3), () => `the guest after migration ${number}`);
    const { bad } = checkerReport(current.serial());
    if (bad > 0) this.errors.push(`migration ${number}: ${bad} bad pages`);
    if (error && !cut) this.errors.push(`migration ${number} failed: ${error.message}`);
    await other.quit();
    this.machine = current;
    // The guest still runs on the source: the next migration has the same direction.
    if (error) this.swapped = !this.swapped;
    return error ? 'failed' : 'completed';
  }

  async start(name, incoming) {
    return await startMachine({
      folder: this.folder,
      name,
      memoryMib: MEMORY_MIB,
      linux: this.guest(),
      incoming,
    });
  }

  /** Threads of the last migration may still be ending: wait until descriptors are closed. */
  async settled(early) {
    let late = this.usage();
    for (
      const until = Date.now() + SETTLE_MS;
      Date.now() < until && late.some(({ files }, i) => files > early[i].files);
    ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      late = this.usage();
    }
    return late;
  }

  usage() {
    return this.hosts.flatMap(({ agents }) =>
      agents.map(({ pid }) => ({
        mebibytes: Math.round(
          Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024,
        ),
        files: readdirSync(`/proc/${pid}/fd`).length,
      })),
    );
  }

  async close() {
    await this.machine?.quit();
    for (const host of this.hosts) host.close();
  }
}

/** The agents of a host: one for incoming guests, one for outgoing ones. */
class Host {
  agents = [];
  reasons = [];
  /** Socket path of the QEMU that waits for a guest. */
  qemu = undefined;

  static async start(folder, name) {
    const host = new Host();
    host.socket = join(folder, `${name}.out`);
    const inward = join(folder, `${name}.in`);
    // QEMU's socket has a new name for each migration, the agent's destination address is constant.
    host.inward = net.createServer((socket) => connectSockets(socket, net.connect(host.qemu)));
    await new Promise((resolve) => host.inward.listen(inward, resolve));
    const ready = await host.agent('destination', '--listen', '127.0.0.1:0', '--connect', `unix:${inward}`);
    host.relay = await cuttableRelay(Number(/\bport (\d+)/.exec(ready)[1]));
    return host;
  }

  async startSource(other) {
    await this.agent('source', '--listen', `unix:${this.socket}`, '--peer', `127.0.0.1:${other.relay.port}`);
  }

  async agent(...args) {
    const child = spawn(process.execPath, [CLI, 'agent', ...args, '--insecure'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.agents.push(child);
    return await logged(child, [AGENT_READY], (text) => {
      this.reasons.push(
        ...[...text.matchAll(/error migration \d+: failed: (.*)/g)].map(([, reason]) => reason),
      );
    });
  }

  close() {
    for (const child of this.agents) child.kill();
    this.inward.close();
    this.relay.server.close();
  }
}

/** Relay a TCP port, and cut the next connection after `cutAfter` bytes. */
async function cuttableRelay(to) {
  const relay = { cutAfter: Infinity };
  relay.server = net.createServer((socket) => {
    const other = net.connect(to, '127.0.0.1');
    let remaining = relay.cutAfter;
    socket.on('data', (bytes) => {
      remaining -= bytes.length;
      if (remaining > 0) return;
      socket.destroy();
      other.destroy();
    });
    connectSockets(socket, other);
  });
  await new Promise((resolve) => relay.server.listen(0, '127.0.0.1', resolve));
  relay.port = relay.server.address().port;
  return relay;
}

function connectSockets(one, other) {
  one.pipe(other);
  other.pipe(one);
  one.on('error', () => other.destroy()).on('close', () => other.destroy());
  other.on('error', () => one.destroy()).on('close', () => one.destroy());
}
