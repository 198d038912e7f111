// A stream of pages through a relay with a rate and a delay: the agents against one TCP stream without them.
//   --link RATE, --round-trip MS   only these; may be repeated
//   --seconds S                    measured time of each, after startup (default: 8)
//   --quick                        one link, two seconds
import { spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bitRate, craftedHead, craftedRound, DelayRelay } from '../build/internal.mjs';
import { AGENT_READY, logged } from './agent/log.mjs';
import { print, printTable, writeRows } from './kernels/suite.mjs';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const GUEST_BYTES = 16 << 20;
/** Round trips in which the window grows. */
const START_ROUND_TRIPS = 8;
const MIN_START_MS = 1000;

export async function run(argv) {
  const { values } = parseArgs({
    args: argv,
    options: {
      link: { type: 'string', multiple: true },
      'round-trip': { type: 'string', multiple: true },
      seconds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
  });
  const {
    link: links = values.quick ? ['100Mbit'] : ['10Mbit', '100Mbit', '1Gbit'],
    'round-trip': roundTrips = values.quick ? ['20'] : ['1', '20', '100', '250'],
    seconds = values.quick ? '2' : '8',
  } = values;
  const rows = [];
  for (const link of links)
    for (const roundTrip of roundTrips) {
      const options = {
        roundTripMs: Number(roundTrip),
        bitsPerSecond: bitRate(link),
        ms: 1000 * Number(seconds),
      };
      const plain = await measure({ ...options, agents: false });
      const agents = await measure({ ...options, agents: true });
      print(`${link}, ${roundTrip} ms: ${plain.toFixed(1)} Mbit/s, agents ${agents.toFixed(1)} Mbit/s`);
      rows.push({ link, roundTripMs: options.roundTripMs, plain, agents, ratio: agents / plain });
    }
  print('Mbit/s of noise that arrives, after startup');
  printTable(
    ['link', 'round trip', 'one TCP stream', 'agents', 'ratio'],
    rows.map(({ link, roundTripMs, plain, agents, ratio }) => [
      link,
      `${roundTripMs} ms`,
      plain.toFixed(1),
      agents.toFixed(1),
      ratio.toFixed(2),
    ]),
  );
  writeRows(values.json, rows);
}

async function measure({ roundTripMs, bitsPerSecond, ms, agents }) {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-'));
  const closing = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    const sink = await listening(agents ? join(folder, 'in') : 0);
    closing.push(() => sink.close());
    let port = sink.port;
    if (agents) {
      port = await freePort();
      const destination = [
        'destination',
        '--listen',
        `127.0.0.1:${port}`,
        '--connect',
        `unix:${join(folder, 'in')}`,
      ];
      closing.push(await startAgent(destination));
    }
    const relay = await DelayRelay.before({ port, roundTripMs, bitsPerSecond });
    closing.push(() => relay.close());
    let to = { port: relay.port, host: '127.0.0.1' };
    if (agents) {
      const path = join(folder, 'out');
      closing.push(
        await startAgent(['source', '--listen', `unix:${path}`, '--peer', `127.0.0.1:${relay.port}`]),
      );
      to = { path };
    }
    const socket = connect(to);
    socket.on('error', () => {});
    closing.push(() => socket.destroy());
    void pump(socket);
    await sink.first;
    await sleep(Math.max(MIN_START_MS, START_ROUND_TRIPS * roundTripMs));
    const [bytes, startedAt] = [sink.bytes, performance.now()];
    await sleep(ms);
    return ((sink.bytes - bytes) * 8) / 1000 / (performance.now() - startedAt);
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Write rounds of noise until the socket is closed. */
async function pump(socket) {
  const memory = Buffer.alloc(GUEST_BYTES);
  let onReady = () => {};
  for (const event of ['drain', 'close']) socket.on(event, () => onReady());
  const write = (bytes) =>
    new Promise((resolve) => {
      onReady = resolve;
      if (socket.destroyed || socket.write(bytes)) resolve();
    });
  await write(craftedHead(memory));
  for (let round = 0; !socket.destroyed; round++) {
    randomFillSync(memory);
    for (const piece of craftedRound(memory, round === 0)) {
      await write(piece);
      if (socket.destroyed) return;
    }
  }
}

/** A QEMU that reads as fast as it can. */
function listening(at) {
  const sink = { bytes: 0, port: 0 };
  const sockets = new Set();
  sink.first = new Promise((resolve) => {
    sink.onFirst = resolve;
  });
  const server = createServer((socket) => {
    sockets.add(socket);
    socket
      .on('error', () => {})
      .on('data', (bytes) => {
        sink.bytes += bytes.length;
        sink.onFirst();
      });
  });
  sink.close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return new Promise((resolve) => {
    server.listen(at, () => {
      sink.port = server.address().port ?? 0;
      resolve(sink);
    });
  });
}

async function freePort() {
  const sink = await listening(0);
  sink.close();
  return sink.port;
}

async function startAgent(args) {
  const agent = spawn(process.execPath, [CLI, 'agent', ...args, '--insecure'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise((resolve) => agent.once('exit', resolve));
  await logged(agent, [AGENT_READY]);
  return () => {
    agent.kill('SIGKILL');
    return ended;
  };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
