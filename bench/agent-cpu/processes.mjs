// The processes that a stream passes through: two agents, or two relays that only copy, and the programs at
// both ends.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpuSeconds, DelayRelay, IS_ON_DESTINATION } from '../../build/internal.mjs';
import { AGENT_READY, found, logged, RELAY_READY, within } from '../agent/log.mjs';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const RELAY = fileURLToPath(new URL('relay.mjs', import.meta.url));
const AGENT_ENDED = new RegExp(`${IS_ON_DESTINATION}|failed:`);
/** Longest wait for the end of a stream after its last byte is written. */
const END_LIMIT_MS = 60_000;
/** As much as QEMU writes in one call. */
const WRITE_BYTES = 128 << 10;
/** Round trip of a shaped link. */
const ROUND_TRIP_MS = 1;
const SIDES = ['source', 'destination'];

/**
 * Send `stream` through two processes, each started with `nodeArguments(side)`. Return the wall time, and the
 * CPU time of each side. `bitsPerSecond` undefined: not shaped.
 */
export async function sendThrough({ folder, kind, stream, bitsPerSecond, strategy, nodeArguments }) {
  const closing = [];
  try {
    const sink = await listen(join(folder, 'qemu.sock'));
    closing.push(() => sink.server.close());
    const options = { folder, kind, strategy, nodeArguments };
    const port = await freePort();
    const destination = await startSide('destination', port, options);
    closing.push(destination.stop);
    let linkPort = port;
    if (bitsPerSecond !== undefined) {
      const relay = await DelayRelay.before({ port, roundTripMs: ROUND_TRIP_MS, bitsPerSecond });
      closing.push(() => relay.close());
      linkPort = relay.port;
    }
    const source = await startSide('source', linkPort, options);
    closing.push(source.stop);
    const children = { source, destination };
    const cpuOf = () => SIDES.map((side) => cpuSeconds(children[side].pid));
    const before = cpuOf();
    const startedUs = nowUs();
    await write(join(folder, 'source.sock'), stream);
    await within(
      END_LIMIT_MS,
      Promise.all([sink.ended, source.ended]),
      () => `${sink.bytes} of ${stream.length} bytes arrived\n${source.log()}${destination.log()}`,
    );
    const endedUs = nowUs();
    const after = cpuOf();
    if (sink.bytes !== stream.length)
      throw new Error(`${sink.bytes} of ${stream.length} bytes arrived\n${source.log()}${destination.log()}`);
    const cpuS = Object.fromEntries(SIDES.map((side, i) => [side, after[i] - before[i]]));
    return { cpuS, startedUs, endedUs, log: source.log() };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Microseconds of the clock that V8's profiles have. */
function nowUs() {
  return Number(process.hrtime.bigint() / 1000n);
}

async function startSide(side, port, { folder, kind, strategy, nodeArguments }) {
  const path = join(folder, side === 'source' ? 'source.sock' : 'qemu.sock');
  if (side === 'source') rmSync(path, { force: true });
  const peer = `127.0.0.1:${port}`;
  const args = {
    relay: [RELAY, side, path, String(port)],
    agents: [
      ...[CLI, 'agent', side, '--insecure'],
      ...(side === 'source'
        ? ['--listen', `unix:${path}`, '--peer', peer, ...(strategy ? ['--strategy', strategy] : [])]
        : ['--listen', peer, '--connect', `unix:${path}`]),
    ],
  }[kind];
  const child = spawn(process.execPath, [...nodeArguments(side), ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  let log = '';
  child.stderr.on('data', (text) => {
    log += text;
  });
  await logged(child, [kind === 'agents' ? AGENT_READY : RELAY_READY]);
  const ended = kind === 'agents' && side === 'source' ? found(child, [AGENT_ENDED]) : undefined;
  ended?.catch(() => {});
  return {
    pid: child.pid,
    ended,
    log: () => log,
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** A QEMU that reads as fast as it can, and closes its connection at the end of the stream. */
async function listen(path) {
  rmSync(path, { force: true });
  const sink = { bytes: 0 };
  sink.ended = new Promise((resolve) => {
    sink.server = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', ({ length }) => {
        sink.bytes += length;
      });
      socket.on('end', () => {
        socket.end();
        resolve();
      });
    });
  });
  await new Promise((resolve) => sink.server.listen(path, resolve));
  return sink;
}

async function write(path, stream) {
  const socket = connect(path);
  let onReady = () => {};
  let failure;
  socket.on('error', (error) => {
    failure = error;
    onReady();
  });
  socket.on('drain', () => onReady());
  for (let at = 0; at < stream.length && !failure; at += WRITE_BYTES)
    await new Promise((resolve) => {
      onReady = resolve;
      if (socket.write(stream.subarray(at, at + WRITE_BYTES))) resolve();
    });
  if (failure) throw failure;
  socket.end();
  socket.resume();
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
