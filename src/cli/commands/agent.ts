import fs from 'node:fs';
import { createServer, type Server } from 'node:http';
import { availableParallelism, totalmem } from 'node:os';
import { asError } from '../../agent/as-error.js';
import { type BaseImageFile, openBase } from '../../agent/base-image.js';
import { startDestinationAgent } from '../../agent/destination/destination-agent.js';
import type { Log } from '../../agent/log.js';
import { AgentMetrics } from '../../agent/metrics.js';
import { startSourceAgent } from '../../agent/source/source-agent.js';
import type { RoundLine } from '../../agent/stats.js';
import { warmUp } from '../../agent/warm-up/warm-up.js';
import type { ChannelOptions, Credentials } from '../../channel/security.js';
import { addressText, parseAddress, portOf } from '../../channel/transports/address.js';
import { PageferryError } from '../../page/error.js';
import { stopIncrementalMarking } from '../../page/node-hooks.js';
import { strategyByName } from '../../strategy/registry.js';
import { type Args, parse, parseBytes, parseWhole } from '../args.js';
import { UsageError } from '../usage.js';

const MIB = 1 << 20;
const MEMORY_LIMIT = 512 * MIB;
const MAX_THREADS = 4;
/** What only the other agent takes. */
const OTHERS = {
  source: ['connect', 'allow-initiator'],
  destination: ['peer', 'server-name', 'strategy', 'threads', 'stats'],
} as const;

/** Agents beside two QEMUs: `agent source`, `agent destination`. Runs until it is stopped, or with --once until a migration ended. */
export async function agent([role, ...argv]: readonly string[]): Promise<void> {
  if (role !== 'source' && role !== 'destination')
    throw new UsageError('agent: expected "agent source" or "agent destination"');
  const args = parse(`agent ${role}`, argv, {
    listen: { type: 'string' },
    peer: { type: 'string' },
    connect: { type: 'string' },
    'server-name': { type: 'string' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    'tls-ca': { type: 'string' },
    'allow-initiator': { type: 'string', multiple: true },
    insecure: { type: 'boolean' },
    base: { type: 'string' },
    'memory-limit': { type: 'string' },
    threads: { type: 'string' },
    strategy: { type: 'string' },
    stats: { type: 'string' },
    metrics: { type: 'string' },
    stall: { type: 'string' },
    once: { type: 'boolean' },
    json: { type: 'boolean' },
  });
  if (args.positionals.length > 0)
    throw new UsageError(`agent ${role}: "${args.positionals[0]}": expected options only`);
  for (const option of OTHERS[role])
    if (args.texts(option).length > 0)
      throw new UsageError(
        `agent ${role}: --${option} is for the ${role === 'source' ? 'destination' : 'source'}`,
      );
  const log = logger(args.flag('json'));
  const meters = new AgentMetrics();
  const base = args.text('base') === undefined ? undefined : await openBase(args.text('base')!);
  stopIncrementalMarking();
  // Slower, and nothing else, where it cannot be: no room for sockets, say.
  await warmUp().catch((cause) =>
    log({ level: 'warn', migration: 0, message: `not warmed up: ${asError(cause).message}` }),
  );
  const stats = openStats(args.text('stats'), log);
  const metrics = await serveMetrics(args.text('metrics'), role, meters, log);
  const common = { base, log, meters, cacheBytes: bytesOf(args), stop: new AbortController() };
  try {
    await (role === 'source' ? runSource(args, { ...common, stats }) : runDestination(args, common));
  } finally {
    metrics?.close();
    metrics?.closeAllConnections();
    base?.close();
    stats?.close();
  }
}

interface Common {
  readonly base: BaseImageFile | undefined;
  readonly log: Log;
  readonly meters: AgentMetrics;
  readonly cacheBytes: number;
}

async function runSource(args: Args, common: Common & { stats: Stats | undefined }): Promise<void> {
  const peer = parseAddress(required(args, 'peer', 'source'));
  if (!('port' in peer)) throw new UsageError('agent source: --peer: expected HOST:PORT');
  const strategy = args.text('strategy') ?? 'adaptive';
  strategyByName(strategy);
  const once = new Once(args.flag('once'));
  const serverName = args.text('server-name');
  const running = await startSourceAgent({
    listen: parseAddress(required(args, 'listen', 'source')),
    peer: { ...peer, ...security(args, common.log), ...(serverName !== undefined && { serverName }) },
    strategy,
    threads: threadsOf(args),
    cacheBytes: common.cacheBytes,
    maxGuestBytes: totalmem(),
    base: common.base,
    log: common.log,
    meters: common.meters,
    onRound: (line) => common.stats?.write(line),
    onEnd: (error) => once.ended(error),
  });
  await once.over(() => running.close());
}

async function runDestination(args: Args, common: Common): Promise<void> {
  const listen = parseAddress(required(args, 'listen', 'destination'));
  if (!('port' in listen)) throw new UsageError('agent destination: --listen: expected HOST:PORT');
  const once = new Once(args.flag('once'));
  const allowInitiators = args.texts('allow-initiator');
  if (!args.flag('insecure') && allowInitiators.length === 0)
    throw new UsageError(
      'agent destination: --allow-initiator NAME: nobody may start a migration without it',
    );
  const running = await startDestinationAgent({
    listen: {
      ...listen,
      ...security(args, common.log),
      ...(allowInitiators.length > 0 && { allowInitiators }),
    },
    qemu: parseAddress(required(args, 'connect', 'destination')),
    cacheBytes: common.cacheBytes,
    maxGuestBytes: totalmem(),
    base: common.base,
    log: common.log,
    meters: common.meters,
    onEnd: (error) => once.ended(error),
  });
  await once.over(() => running.close());
}

/** Until the process is told to stop; or, with --once, until a migration ended, whose failure is the agent's. */
class Once {
  private finish: ((error: PageferryError | undefined) => void) | undefined;

  constructor(private readonly isOnce: boolean) {}

  ended(error: PageferryError | undefined): void {
    if (this.isOnce) this.finish?.(error);
  }

  async over(stop: () => Promise<void>): Promise<void> {
    const stopped = () => this.finish?.(undefined);
    const error = await new Promise<PageferryError | undefined>((resolve) => {
      this.finish = resolve;
      process.once('SIGINT', stopped).once('SIGTERM', stopped);
    });
    process.off('SIGINT', stopped).off('SIGTERM', stopped);
    await stop();
    if (error) throw error;
  }
}

function required(args: Args, name: string, role: string): string {
  const value = args.text(name);
  if (value === undefined || value === '') throw new UsageError(`agent ${role}: --${name} is missing`);
  return value;
}

function threadsOf(args: Args): number {
  const text = args.text('threads');
  return text === undefined
    ? Math.min(availableParallelism(), MAX_THREADS)
    : parseWhole('--threads', text, 1, 16);
}

function bytesOf(args: Args): number {
  const text = args.text('memory-limit');
  return text === undefined ? MEMORY_LIMIT : Math.min(parseBytes('--memory-limit', text), 2048 * MIB);
}

function security(args: Args, log: Log): ChannelOptions {
  const stall = args.text('stall');
  const stallMs = stall === undefined ? {} : { stallMs: 1000 * parseWhole('--stall', stall, 1, 3600) };
  if (args.flag('insecure'))
    return {
      ...stallMs,
      insecure: true,
      onWarning: (message) => log({ level: 'warn', migration: 0, message }),
    };
  const credentials: Credentials = {
    certificate: pem(args, 'tls-cert'),
    key: pem(args, 'tls-key'),
    authorities: pem(args, 'tls-ca'),
  };
  return { ...stallMs, credentials };
}

function pem(args: Args, name: string): string {
  const path = args.text(name);
  if (path === undefined)
    throw new UsageError(`--${name} is missing: give --tls-cert, --tls-key and --tls-ca, or --insecure`);
  try {
    return fs.readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PageferryError('io', `--${name} ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** One line each, to standard error: for people, or JSON. */
function logger(json: boolean): Log {
  return ({ level, migration, message }) => {
    const line = json
      ? JSON.stringify({ time: new Date().toISOString(), level, migration, message })
      : `${new Date().toISOString()} ${level}${migration > 0 ? ` migration ${migration}` : ''}: ${message}`;
    process.stderr.write(`${line}\n`);
  };
}

interface Stats {
  write(line: RoundLine): void;
  close(): void;
}

/** A line of JSON for each round. A file that cannot take more loses lines, said once, and no migration. */
function openStats(path: string | undefined, log: Log): Stats | undefined {
  if (path === undefined) return undefined;
  const fd = path === '-' ? process.stdout.fd : openFile(path);
  let broken = false;
  return {
    write(line) {
      if (broken) return;
      try {
        fs.writeSync(fd, `${JSON.stringify(line)}\n`);
      } catch (cause) {
        broken = true;
        log({
          level: 'warn',
          migration: line.migration,
          message: `--stats ${path}: ${(cause as Error).message}; no more lines are written`,
        });
      }
    },
    close() {
      if (path !== '-') fs.closeSync(fd);
    },
  };
}

function openFile(path: string): number {
  try {
    return fs.openSync(path, 'a');
  } catch (cause) {
    throw new PageferryError('io', `--stats ${path}: ${(cause as Error).message}`, { cause });
  }
}

async function serveMetrics(
  text: string | undefined,
  role: string,
  meters: AgentMetrics,
  log: Log,
): Promise<Server | undefined> {
  if (text === undefined) return undefined;
  const address = parseAddress(text);
  const server = createServer((request, response) => {
    const found = request.method === 'GET' && request.url === '/metrics';
    response.writeHead(found ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(found ? meters.text(role) : 'GET /metrics\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new PageferryError('io', `--metrics ${text}: ${cause.message}`, { cause })),
    );
    server.listen(address, resolve);
  });
  const bound = 'port' in address ? { ...address, port: portOf(server) ?? address.port } : address;
  log({ level: 'info', migration: 0, message: `metrics at http://${addressText(bound)}/metrics` });
  return server;
}
