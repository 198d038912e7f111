// virsh migrate --live through the agents: two libvirt daemons on this machine, and a guest that checks its
// memory. Needs libvirtd, virsh, QEMU, gcc and a kernel; no root.
//
// --migrateuri is the source agent's address and --listen-address that of the destination's QEMU: the port is
// the same, so the hosts of one machine need two addresses. On two hosts both are 127.0.0.1.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  giveToDaemon,
  guestXml,
  libvirtSkipReason,
  startHost,
  waitForChecks,
} from './support/libvirt-host.mjs';
import { buildInitramfs, COMMAND_LINE, findKernel } from './support/qemu-guest.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const [AGENT, QEMU] = ['127.0.0.2', '127.0.0.1'];
/** virsh's options of each migration; the first one goes from host 1 to host 2, the next one back. */
const MODES = {
  'pre-copy': [],
  multifd: ['--parallel', '--parallel-connections', '2'],
  'pre-copy, peer to peer': ['--p2p'],
};

const lack = spawnSync('gcc', ['--version']).error && 'gcc is not installed';
const noKernel = findKernel() ? undefined : 'no kernel: set PAGEFERRY_TEST_KERNEL';
const reason = libvirtSkipReason() ?? lack ?? noKernel;
if (reason) console.log(`skipped: ${reason}`);
else await migrateAll();

async function migrateAll() {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-libvirt-'));
  giveToDaemon(folder);
  const hosts = [];
  try {
    for (const number of [1, 2]) hosts.push(await startHost(folder, number));
    const file = (name) => join(folder, name);
    copyFileSync(findKernel(), file('kernel'));
    writeFileSync(file('serial'), '');
    const initramfs = buildInitramfs(folder);
    const guest = { kernel: file('kernel'), initramfs, serial: file('serial'), mebibytes: 128 };
    writeFileSync(file('guest.xml'), guestXml({ ...guest, commandLine: COMMAND_LINE }));
    for (const path of [initramfs, file('kernel'), file('serial')]) giveToDaemon(path);
    await hosts[0].virsh('create', file('guest.xml'));
    let checks = await waitForChecks(file('serial'), 3);
    let [from, to] = hosts;
    for (const [mode, options] of Object.entries(MODES)) {
      const summary = await migrate(from, to, options);
      checks = await waitForChecks(file('serial'), checks + 5).catch((cause) => withState(cause, to));
      console.log(`${mode}: ${summary}; check ${checks}: no bad page`);
      [from, to] = [to, from];
    }
  } finally {
    for (const host of hosts) await host.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Migrate through a pair of agents; return what the source agent reports. */
async function migrate(from, to, options) {
  const [peer, port] = [`${QEMU}:${await freePort()}`, await freePort()];
  const agents = [
    startAgent('destination', '--listen', peer, '--connect', `tcp:${QEMU}:${port}`),
    startAgent('source', '--listen', `tcp:${AGENT}:${port}`, '--peer', peer),
  ];
  try {
    await Promise.all(agents.map((agent) => agent.listening));
    const uris = ['--migrateuri', `tcp:${AGENT}:${port}`, '--listen-address', QEMU];
    await from.virsh('migrate', '--live', 'guest', to.uri, ...uris, ...options);
    for (const agent of agents) await agent.completed();
    const sent = /sent .* stream/.exec(agents[1].log())?.[0];
    return `${sent}, ${agents[0].log().includes('is verified') ? 'verified' : 'not verified'}`;
  } catch (cause) {
    const [destination, source] = agents.map((agent) => agent.log());
    const state = await from.virsh('domjobinfo', 'guest').catch((error) => error);
    const said = `source agent:\n${source}destination agent:\n${destination}`;
    throw new Error(`${cause.message}\n${said}virsh domjobinfo:\n${state.stdout ?? state.message}`, {
      cause,
    });
  } finally {
    for (const agent of agents) agent.stop();
  }
}

/** Throw `cause` with the state of the guest on a host. */
async function withState(cause, host) {
  const { stdout, message } = await host.virsh('domstate', '--reason', 'guest').catch((error) => error);
  throw new Error(`${cause.message}; virsh domstate: ${(stdout ?? message).trim()}`, { cause });
}

function startAgent(...args) {
  const argv = [CLI, 'agent', ...args, '--insecure', '--once'];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
  let log = '';
  const exited = once(child, 'exit');
  const listening = new Promise((resolve, reject) => {
    child.stderr.on('data', (text) => {
      log += text;
      if (log.includes('listening for')) resolve();
    });
    exited.then(() => reject(new Error(log)));
  });
  return {
    listening,
    log: () => log,
    async completed() {
      const [code] = await exited;
      if (code !== 0) throw new Error(log);
    },
    stop: () => child.kill('SIGKILL'),
  };
}

async function freePort() {
  const server = createServer().listen(0, QEMU);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}
