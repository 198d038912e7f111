// Migrations in a row, back and forth between two hosts on loopback, through agents that stay; the link is
// cut in the middle of every third one. Every guest's memory has to hold, every failure to be told with its
// reason, and nothing to be left behind.
//   --times N    migrations, 100 (8 with --quick)
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundled } from './kernels/load.mjs';
import { print, wholeNumber, writeRows } from './kernels/suite.mjs';
import { seeded } from './seeded.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const WITNESS = fileURLToPath(new URL('../testing/qemu/witness.c', import.meta.url));
const MEMORY_MIB = 128;
const CUT_EVERY = 3;
/** A cut comes somewhere in the first so many bytes on the wire. */
const CUT_WITHIN = 6e6;
const SETTINGS = 'witness_mib=16 witness_mode=words witness_rate=1000 witness_seed=1';
const LIMIT_MS = 60_000;
const SETTLE_MS = 5000;

export async function run(argv) {
  const text = { type: 'string' };
  const { values } = parseArgs({
    args: argv,
    options: { quick: { type: 'boolean', default: false }, json: text, times: text },
  });
  const { linuxSkipReason, buildProgram } = await bundled('testing/qemu/linux.ts');
  const lack = linuxSkipReason();
  if (lack !== undefined) return print(`agent-soak: skipped, ${lack}`);
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-soak-'));
  const soak = new Soak(folder, buildProgram(folder, WITNESS));
  try {
    const result = await soak.run(wholeNumber('times', values.times, values.quick ? 8 : 100));
    writeRows(values.json, [result]);
    if (result.wrong.length > 0) throw new Error(`agent-soak: ${result.wrong.join('; ')}`);
  } finally {
    await soak.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Soak {
  hosts = [];
  machine = undefined;
  wrong = [];
  random = seeded(2026);

  constructor(folder, guest) {
    this.folder = folder;
    this.guest = guest;
  }

  async run(times) {
    for (const name of ['a', 'b']) this.hosts.push(await Host.start(this.folder, name));
    for (const [i, host] of this.hosts.entries()) await host.startSource(this.hosts[1 - i]);
    const { waitForChecks } = await bundled('testing/qemu/linux.ts');
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
          `  ${i} migrations: ${counts.completed} arrived, ${counts.failed} were cut; ${JSON.stringify(this.usage())}`,
        );
    }
    const late = await this.settled(early);
    for (const [i, { files }] of late.entries())
      if (files > early[i].files)
        this.wrong.push(`agent ${i}: ${files} open files, ${early[i].files} at first`);
    const reasons = this.hosts.flatMap(({ reasons }) => reasons);
    if (reasons.length < counts.failed)
      this.wrong.push(`${counts.failed} failures, ${reasons.length} reasons in the logs`);
    print(`  reasons: ${[...new Set(reasons.map((reason) => reason.replace(/\d+/g, 'N')))].join(' | ')}`);
    print(
      `  ${this.wrong.length === 0 ? 'every checksum held, nothing was left behind' : this.wrong.join('; ')}`,
    );
    return { ...counts, times, early, late, wrong: this.wrong };
  }

  /** One migration to the other host. */
  async migrate(number, cut) {
    const { waitForChecks, checkerReport } = await bundled('testing/qemu/linux.ts');
    const [from, to] = (number % 2 === 1) === !this.swapped ? [0, 1] : [1, 0];
    const destination = await this.start(`guest-${number}`, true);
    const { machine } = this;
    this.hosts[to].qemu = destination.socket;
    this.hosts[to].relay.cutAfter = cut ? this.random() % CUT_WITHIN : Infinity;
    await destination.listen(`unix:${destination.socket}`, { capabilities: ['return-path'] });
    const { count } = checkerReport(machine.serial());
    await machine.migrate(`unix:${this.hosts[from].socket}`, { capabilities: ['return-path'] });
    const error = await within(
      machine.migrated().then(
        () => undefined,
        (cause) => cause,
      ),
      `migration ${number}`,
    );
    const [stays, goes] = error ? [machine, destination] : [destination, machine];
    await within(waitForChecks(stays, count + 3), `the guest after migration ${number}`);
    const { bad } = checkerReport(stays.serial());
    if (bad > 0) this.wrong.push(`migration ${number}: ${bad} bad pages`);
    if (error && !cut) this.wrong.push(`migration ${number} failed: ${error.message}`);
    await goes.quit();
    this.machine = stays;
    // The guest stayed: the next one goes the same way.
    if (error) this.swapped = !this.swapped;
    return error ? 'failed' : 'completed';
  }

  async start(name, incoming) {
    const { startMachine } = await bundled('testing/qemu/machine.ts');
    return await startMachine({
      folder: this.folder,
      name,
      memoryMib: MEMORY_MIB,
      linux: this.guest(SETTINGS),
      incoming,
    });
  }

  /** Threads of the last migration may still be ending; what stays open is what was left behind. */
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

/** The agents of a host: one for guests that come, one for those that leave. */
class Host {
  agents = [];
  reasons = [];
  /** Where the QEMU listens that waits for a guest. */
  qemu = undefined;

  static async start(folder, name) {
    const host = new Host();
    host.socket = join(folder, `${name}.out`);
    const inward = join(folder, `${name}.in`);
    // QEMU's socket has another name each time; the agent's stays.
    host.inward = net.createServer((socket) => join2(socket, net.connect(host.qemu)));
    await new Promise((resolve) => host.inward.listen(inward, resolve));
    const ready = await host.agent('destination', '--listen', '127.0.0.1:0', '--connect', `unix:${inward}`);
    host.relay = await cuttable(Number(/at port (\d+)/.exec(ready)[1]));
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
    return await new Promise((resolve, reject) => {
      let log = '';
      child.stderr.on('data', (text) => {
        log += text;
        this.reasons.push(
          ...[...String(text).matchAll(/error migration \d+: failed: (.*)/g)].map(([, reason]) => reason),
        );
        if (/waits for/.test(log)) resolve(log);
      });
      child.once('exit', () => reject(new Error(`an agent ended: ${log}`)));
    });
  }

  close() {
    for (const child of this.agents) child.kill();
    this.inward.close();
    this.relay.server.close();
  }
}

/** Passes a TCP port on, and cuts the next connection after so many bytes. */
async function cuttable(to) {
  const relay = { cutAfter: Infinity };
  relay.server = net.createServer((socket) => {
    const other = net.connect(to, '127.0.0.1');
    let left = relay.cutAfter;
    socket.on('data', (bytes) => {
      left -= bytes.length;
      if (left > 0) return;
      socket.destroy();
      other.destroy();
    });
    join2(socket, other);
  });
  await new Promise((resolve) => relay.server.listen(0, '127.0.0.1', resolve));
  relay.port = relay.server.address().port;
  return relay;
}

function join2(one, other) {
  one.pipe(other);
  other.pipe(one);
  one.on('error', () => other.destroy()).on('close', () => other.destroy());
  other.on('error', () => one.destroy()).on('close', () => one.destroy());
}

async function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: hangs`)), LIMIT_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
