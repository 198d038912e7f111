// A pair of agents in this process between two fake QEMUs, with their logs.
import fs from 'node:fs';
import { join } from 'node:path';
import type { BaseImageFile } from '../../src/agent/base-image-file.js';
import { startDestinationAgent } from '../../src/agent/destination/destination-agent.js';
import type { MeasurePair } from '../../src/agent/direct/advisor.js';
import type { DirectIncomingOptions } from '../../src/agent/direct/options.js';
import type { QmpSettings } from '../../src/agent/forecast/forecaster.js';
import type { LogLine } from '../../src/agent/log.js';
import { AgentMetrics } from '../../src/agent/metrics.js';
import type { RoundLine } from '../../src/agent/round-stats.js';
import { startSourceAgent } from '../../src/agent/source/source-agent.js';
import type { ConnectOptions } from '../../src/channel/connect.js';
import type { ListenOptions } from '../../src/channel/listen.js';
import type { Address } from '../../src/channel/transports/address.js';
import type { PageferryError } from '../../src/page/error.js';
import { Signal } from '../../src/page/sync.js';
import { cut } from '../../testing/qemu/replay.js';
import { KEPT, localAddress, within } from '../channel/hosts.js';
import { FakeDestination, FakeSource } from './fake-qemus.js';

const CACHE_BYTES = 64 << 20;
const MAX_GUEST_BYTES = 1 << 30;

/** The log, metrics and results of one agent. */
class Side {
  readonly log: LogLine[] = [];
  readonly meters = new AgentMetrics();
  /** The error of each migration, in order. */
  readonly ends: (PageferryError | undefined)[] = [];
  private readonly changed = new Signal();

  readonly onEnd = (error: PageferryError | undefined): void => {
    this.ends.push(error);
    this.changed.notify();
  };

  /** Wait for the end of a migration, numbered from 1. */
  async end(number: number, label: string): Promise<PageferryError | undefined> {
    await within(
      label,
      this.changed.until(() => this.ends.length >= number),
    );
    return this.ends[number - 1];
  }

  /** The whole log as text. */
  get text(): string {
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
  readonly maxGuestBytes?: number;
  readonly destinationMaxGuestBytes?: number;
  /** Time until the destination logs that its QEMU has not closed. */
  readonly closeMs?: number;
  /** Time until a new attempt ends a migration that waits for the destination's QEMU. */
  readonly abandonMs?: number;
  readonly maxMigrations?: number;
  readonly maxBitsPerSecond?: number;
  readonly base?: BaseImageFile;
  readonly destinationBase?: BaseImageFile | undefined;
  readonly strategy?: string;
  readonly threads?: number;
  /** Address of the destination's QEMU; default `inPath`. */
  readonly qemu?: Address;
  /** Insert a relay: takes the destination's port, returns the port to connect to. */
  readonly between?: (port: number) => Promise<number>;
  readonly onRound?: (line: RoundLine) => void;
  /** The monitor of the source's QEMU. */
  readonly qmp?: QmpSettings;
  readonly isDirectAllowed?: boolean;
  readonly measure?: MeasurePair;
  /** The monitor of the destination's QEMU. */
  readonly direct?: DirectIncomingOptions;
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
  /** Wait for the end of a migration on both sides; default the first. */
  ended(
    number?: number,
  ): Promise<{ source: PageferryError | undefined; destination: PageferryError | undefined }>;
  /** Have the source's QEMU start its migration. */
  startMigration(): Promise<void>;
  stopSource(): Promise<void>;
  stopDestination(): Promise<void>;
  close(): Promise<void>;
}

let count = 0;

export async function startAgents(options: AgentsOptions): Promise<Agents> {
  const { kept = 'insecure', cacheBytes = CACHE_BYTES, base, strategy = 'adaptive', threads = 1 } = options;
  const { maxGuestBytes = MAX_GUEST_BYTES } = options;
  const folder = fs.mkdtempSync(join(options.folder, `${++count}-`));
  const [outPath, inPath] = [join(folder, 'out'), join(folder, 'in')];
  const [source, destination] = [new Side(), new Side()];
  const rounds: RoundLine[] = [];
  const receiving = await startDestinationAgent({
    listen: {
      address: localAddress(0, KEPT[kept].destination),
      ...KEPT[kept].destination,
      ...options.destination,
    },
    qemu: options.qemu ?? { path: inPath },
    cacheBytes: options.destinationCacheBytes ?? cacheBytes,
    maxGuestBytes: options.destinationMaxGuestBytes ?? maxGuestBytes,
    ...(options.maxMigrations !== undefined && { maxMigrations: options.maxMigrations }),
    ...(options.direct && { direct: options.direct }),
    ...(options.closeMs !== undefined && { closeMs: options.closeMs }),
    base: 'destinationBase' in options ? options.destinationBase : base,
    log: (line) => destination.log.push(line),
    meters: destination.meters,
    onEnd: destination.onEnd,
  });
  const port = (await options.between?.(receiving.port)) ?? receiving.port;
  const sending = await startSourceAgent({
    listen: { path: outPath },
    peer: { address: localAddress(port, KEPT[kept].source), ...KEPT[kept].source, ...options.source },
    strategy,
    threads,
    cacheBytes,
    maxGuestBytes,
    base,
    ...(options.qmp && { qmp: options.qmp }),
    ...(options.isDirectAllowed && { isDirectAllowed: true }),
    ...(options.measure && { measure: options.measure }),
    ...(options.maxMigrations !== undefined && { maxMigrations: options.maxMigrations }),
    maxBitsPerSecond: options.maxBitsPerSecond,
    ...(options.abandonMs !== undefined && { abandonMs: options.abandonMs }),
    log: (line) => source.log.push(line),
    meters: source.meters,
    onEnd: source.onEnd,
    onRound: (line) => {
      rounds.push(line);
      options.onRound?.(line);
    },
  });
  const stopSource = () => within('the source agent', sending.close());
  const stopDestination = () => within('the destination agent', receiving.close());
  return {
    ...{ source, destination, rounds, outPath, inPath, port: receiving.port, stopSource, stopDestination },
    startMigration: () => sending.startMigration(async () => {}, new AbortController().signal),
    async ended(number = 1) {
      const [out, into] = await Promise.all([
        source.end(number, `the source agent, migration ${number}, log: ${source.text}`),
        destination.end(number, `the destination agent, migration ${number}, log: ${destination.text}`),
      ]);
      return { source: out, destination: into };
    },
    async close() {
      await Promise.all([stopSource(), stopDestination()]);
    },
  };
}

/** How `migrated` writes the streams, and what the destination's QEMU does. */
interface MigratedOptions extends AgentsOptions {
  readonly bytes?: number;
  readonly answer?: Buffer | undefined;
  /** The main stream is written once this holds. */
  readonly mainAfter?: (qemu: FakeDestination) => boolean;
}

/**
 * Run one migration: write each stream to a connection of its own in pieces of `bytes`; QEMU answers with
 * `answer`.
 */
export async function migrated(
  streams: readonly Uint8Array[],
  { bytes = 5000, answer, mainAfter, ...options }: MigratedOptions,
) {
  const agents = await startAgents(options);
  const qemu = await FakeDestination.listening(agents.inPath, {
    took: ({ socket, pieces }, number) => {
      if (answer && number === 0 && pieces.length === 1) socket.write(answer);
    },
  });
  const mayWriteMain = mainAfter && (() => until(() => mainAfter(qemu)));
  const sources = await sent(agents, streams, bytes, mayWriteMain);
  // A QEMU with a return path closes once its return path reports success.
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

/** Open one connection per stream, in order, and write the streams: the first one after `mayWriteMain`. */
export async function sent(
  agents: Agents,
  streams: readonly Uint8Array[],
  bytes = 5000,
  mayWriteMain: () => Promise<void> = async () => {},
): Promise<FakeSource[]> {
  const sources: FakeSource[] = [];
  for (const _ of streams) sources.push(await FakeSource.connect(agents.outPath));
  const writing = streams.map(async (stream, i) => {
    if (i === 0) await mayWriteMain();
    await sources[i]!.write(cut(stream, bytes));
  });
  await within('the streams', Promise.all(writing));
  return sources;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2));
}
