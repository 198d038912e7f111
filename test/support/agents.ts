// A pair of agents in this process, with fake QEMUs beside them, and everything that they say.
import fs from 'node:fs';
import { join } from 'node:path';
import type { BaseImageFile } from '../../src/agent/base-image.js';
import { startDestinationAgent } from '../../src/agent/destination/destination.js';
import type { LogLine } from '../../src/agent/log.js';
import { AgentMetrics } from '../../src/agent/metrics.js';
import { startSourceAgent } from '../../src/agent/source/source.js';
import type { RoundLine } from '../../src/agent/stats.js';
import type { ConnectOptions } from '../../src/channel/connect.js';
import type { ListenOptions } from '../../src/channel/listen.js';
import type { Address } from '../../src/channel/transports/address.js';
import type { PageferryError } from '../../src/page/error.js';
import { cut } from '../../testing/qemu/replay.js';
import { KEPT, within } from '../channel/hosts.js';
import { FakeDestination, FakeSource } from './fake-qemus.js';

const CACHE_BYTES = 64 << 20;

/** One agent's side of what happened. */
class Side {
  readonly log: LogLine[] = [];
  readonly meters = new AgentMetrics();
  /** How each migration ended, in order. */
  readonly ends: (PageferryError | undefined)[] = [];
  private readonly waiting: (() => void)[] = [];

  readonly ended = (error: PageferryError | undefined): void => {
    this.ends.push(error);
    for (const wake of this.waiting.splice(0)) wake();
  };

  /** How the migration of this number (from 1) ended. */
  async end(number: number, what: string): Promise<PageferryError | undefined> {
    while (this.ends.length < number)
      await within(what, new Promise<void>((resolve) => this.waiting.push(resolve)));
    return this.ends[number - 1];
  }

  /** All that it said, in one text. */
  get said(): string {
    return this.log.map(({ level, message }) => `${level}: ${message}`).join('\n');
  }
}

export interface AgentsOptions {
  readonly folder: string;
  readonly kept?: keyof typeof KEPT;
  readonly source?: Partial<ConnectOptions>;
  readonly destination?: Partial<ListenOptions>;
  readonly cacheBytes?: number;
  readonly destinationCacheBytes?: number;
  readonly base?: BaseImageFile;
  readonly destinationBase?: BaseImageFile | undefined;
  readonly strategy?: string;
  readonly threads?: number;
  /** Where the destination's QEMU is, if not at `inPath`. */
  readonly qemu?: Address;
  /** Stands between them: is told the destination's port, gives the one to connect to. */
  readonly between?: (port: number) => Promise<number>;
  readonly round?: (line: RoundLine) => void;
}

export interface Agents {
  readonly source: Side;
  readonly destination: Side;
  readonly rounds: RoundLine[];
  /** Where the source's QEMU connects. */
  readonly outPath: string;
  /** Where the destination's QEMU listens. */
  readonly inPath: string;
  readonly port: number;
  /** How the last migration ended, at both. */
  ended(
    number?: number,
  ): Promise<{ source: PageferryError | undefined; destination: PageferryError | undefined }>;
  stopSource(): Promise<void>;
  stopDestination(): Promise<void>;
  close(): Promise<void>;
}

let count = 0;

export async function startAgents(options: AgentsOptions): Promise<Agents> {
  const { kept = 'insecure', cacheBytes = CACHE_BYTES, base, strategy = 'adaptive', threads = 1 } = options;
  const folder = fs.mkdtempSync(join(options.folder, `${++count}-`));
  const [outPath, inPath] = [join(folder, 'out'), join(folder, 'in')];
  const [source, destination] = [new Side(), new Side()];
  const rounds: RoundLine[] = [];
  const receiving = await startDestinationAgent({
    listen: { host: '127.0.0.1', port: 0, ...KEPT[kept].destination, ...options.destination },
    qemu: options.qemu ?? { path: inPath },
    cacheBytes: options.destinationCacheBytes ?? cacheBytes,
    base: 'destinationBase' in options ? options.destinationBase : base,
    log: (line) => destination.log.push(line),
    meters: destination.meters,
    ended: destination.ended,
  });
  const port = (await options.between?.(receiving.port)) ?? receiving.port;
  const sending = await startSourceAgent({
    listen: { path: outPath },
    peer: { host: '127.0.0.1', port, ...KEPT[kept].source, ...options.source },
    strategy,
    threads,
    cacheBytes,
    base,
    log: (line) => source.log.push(line),
    meters: source.meters,
    ended: source.ended,
    round: (line) => {
      rounds.push(line);
      options.round?.(line);
    },
  });
  const stopSource = () => within('the source agent', sending.close());
  const stopDestination = () => within('the destination agent', receiving.stop());
  return {
    ...{ source, destination, rounds, outPath, inPath, port: receiving.port, stopSource, stopDestination },
    async ended(number = 1) {
      const [out, into] = await Promise.all([
        source.end(number, `the source agent, migration ${number}; it said: ${source.said}`),
        destination.end(number, `the destination agent, migration ${number}; it said: ${destination.said}`),
      ]);
      return { source: out, destination: into };
    },
    async close() {
      await Promise.all([stopSource(), stopDestination()]);
    },
  };
}

/** A whole migration: `streams` go in, one a connection, in pieces of `bytes` bytes; `answer` comes back. */
export async function migrated(
  streams: readonly Uint8Array[],
  { bytes = 5000, answer, ...options }: { bytes?: number; answer?: Buffer | undefined } & AgentsOptions,
) {
  const agents = await startAgents(options);
  const qemu = await FakeDestination.listening(agents.inPath, {
    took: ({ socket, pieces }, number) => {
      if (answer && number === 0 && pieces.length === 1) socket.write(answer);
    },
  });
  const sources = await sent(agents, streams, bytes);
  // A QEMU with a return path closes once it has heard that all is well.
  if (answer)
    await within(
      'the answer',
      until(() => sources[0]!.back.length >= answer.length),
    );
  for (const { socket } of sources) socket.end();
  const ends = await agents.ended();
  await within('the sockets of QEMU', Promise.all(sources.map(({ closed }) => closed)));
  await agents.close();
  await qemu.close();
  return { agents, qemu, sources, ends };
}

/** Connects and writes as many streams as there are, in order. */
export async function sent(
  agents: Agents,
  streams: readonly Uint8Array[],
  bytes = 5000,
): Promise<FakeSource[]> {
  const sources: FakeSource[] = [];
  for (const _ of streams) sources.push(await FakeSource.connect(agents.outPath));
  await within('the streams', Promise.all(streams.map((stream, i) => sources[i]!.write(cut(stream, bytes)))));
  return sources;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
