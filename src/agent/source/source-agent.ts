import type { AddressInfo, Socket } from 'node:net';
import { type Address, addressText } from '../../channel/transports/address.js';
import { listenAt } from '../../channel/transports/sockets.js';
import { SerialQueue } from '../../page/sync.js';
import { asError } from '../as-error.js';
import { Advisor } from '../direct/advisor.js';
import { tryDirect } from '../direct/try-direct.js';
import { RateLimiter } from '../flow/rate-limiter.js';
import { IS_ON_DESTINATION } from '../guest-state.js';
import { messageLog } from '../log.js';
import { MemoryShares } from '../memory-shares.js';
import type { MeteredMigration } from '../metrics.js';
import { classify } from './classify.js';
import type { SourceAgentOptions } from './options.js';
import { SourceSession } from './source-session.js';
import { startMigration } from './start-migration.js';

const CANCELLED = 'QEMU began another migration on a new connection: this one was cancelled';
/** A migration that QEMU has cancelled ends within this time once another one waits for it. */
const CANCELLED_MS = 1000;

/** A running source agent. */
export interface SourceAgent {
  /**
   * Have the QEMU of `qmp` migrate its guest: directly where that is the best mode, else to the agent after
   * `warmUp`. Resolve when it has migrated directly, or has connected to the agent. @throws PageferryError
   * with the state of the guest; the reason of `signal`
   */
  startMigration(warmUp: () => Promise<void>, signal: AbortSignal): Promise<void>;
  /** Stop listening, end the current migrations, and resolve when everything is released. */
  close(): Promise<void>;
}

/** Listen for migrations of QEMU and send each to the destination agent. @throws PageferryError `io` */
export async function startSourceAgent(options: SourceAgentOptions): Promise<SourceAgent> {
  const { listen, peer, log } = options;
  const sessions = new SourceSessions(options);
  const server = await listenAt(
    listen,
    (socket) => {
      socket.on('error', () => {});
      sessions.connected(socket);
    },
    ({ message }) => log({ level: 'error', migration: 0, message }),
  );
  if (!('path' in listen)) sessions.listen = { ...listen, port: (server.address() as AddressInfo).port };
  log({
    level: 'info',
    migration: 0,
    message: `listening for QEMU at ${addressText(sessions.listen)}; the destination agent is ${peer.address}`,
  });
  return {
    startMigration: (warmUp, signal) => sessions.startMigration(warmUp, signal),
    async close() {
      server.close();
      await sessions.close();
    },
  };
}

/** The migrations of one agent, and the connections of QEMUs that belong to them. */
class SourceSessions {
  private readonly sessions = new Map<SourceSession, Promise<void>>();
  /** Connections of attempts that begin once another migration is released. */
  private readonly waiting: Socket[] = [];
  /** QEMU 7.2 takes the order of connections for their meaning. */
  private readonly turns = new SerialQueue();
  private abandoning: NodeJS.Timeout | undefined;
  private cancelling: NodeJS.Timeout | undefined;
  private isClosed = false;
  /** The agents carry the migration that the agent starts. */
  private isDecided = false;
  /** The start of a migration; what it resolves to gives QEMU its settings back after a failure. */
  private starting: Promise<() => Promise<void>> | undefined;
  /** Where the agent listens. */
  listen: Address;
  private count = 0;
  private readonly memory: MemoryShares;
  private readonly limiter: RateLimiter | undefined;
  private readonly advisor: Advisor | undefined;

  constructor(private readonly options: SourceAgentOptions) {
    const { cacheBytes, maxBitsPerSecond, listen } = options;
    this.listen = listen;
    this.advisor = this.createAdvisor();
    this.memory = new MemoryShares(cacheBytes, this.maxMigrations);
    if (maxBitsPerSecond !== undefined) this.limiter = new RateLimiter(maxBitsPerSecond);
  }

  connected(socket: Socket): void {
    if (this.isClosed) socket.destroy();
    else if (this.open.length === 0) this.admit(socket);
    else {
      const decided = this.turns.run(() => this.route(socket));
      for (const session of this.open) session.hold(decided);
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.advisor?.close();
    this.stopTimers();
    for (const socket of this.waiting.splice(0)) socket.destroy();
    for (const session of this.sessions.keys()) session.stopSafely('the agent was stopped');
    await Promise.all(this.sessions.values());
  }

  async startMigration(warmUp: () => Promise<void>, signal: AbortSignal): Promise<void> {
    try {
      await this.tryMigration(warmUp, signal);
    } catch (cause) {
      // The program then reports the signal alone.
      const message = `failed: ${asError(cause).message}`;
      if (signal.aborted) messageLog(this.options.log, 0)('error', message);
      throw cause;
    }
  }

  private async tryMigration(warmUp: () => Promise<void>, signal: AbortSignal): Promise<void> {
    const { advisor, options } = this;
    const { peer, log } = options;
    const qmp = options.qmp!.address;
    if (advisor && (await this.migrateDirectly(advisor, qmp, signal))) return options.onEnd?.(undefined);
    this.isDecided = true;
    const before = this.count;
    this.starting = startMigration({
      ...{ qmp, peer, listen: this.listen, warmUp, signal, hasConnected: () => this.count > before },
      log: messageLog(log, 0),
    });
    await this.starting;
  }

  /** Have QEMU migrate its guest directly; return whether it has. */
  private async migrateDirectly(advisor: Advisor, qmp: Address, signal: AbortSignal): Promise<boolean> {
    const { peer, meters, log } = this.options;
    let metered: MeteredMigration | undefined;
    try {
      const isDone = await tryDirect({
        ...{ advisor, qmp, peer, isStarted: false, signal },
        observe: (sample) => {
          metered = meters.begin();
          metered.observe(sample);
        },
        log: (level, message) => log({ level, migration: 1, message }),
      });
      if (isDone) log({ level: 'info', migration: 1, message: IS_ON_DESTINATION });
      metered?.end('completed');
      return isDone;
    } catch (cause) {
      metered?.end('failed');
      throw cause;
    }
  }

  private createAdvisor(): Advisor | undefined {
    const { qmp, peer, threads, log, isDirectAllowed, measure } = this.options;
    if (!qmp || !isDirectAllowed) return undefined;
    const { address, ...limits } = qmp;
    return new Advisor(
      {
        ...{ qmp: address, peer, threads, limits, measure },
        log: messageLog(log, 0),
      },
      () => this.sessions.size === 0,
    );
  }

  /** Migrations whose QEMU may still open connections, in order. */
  private get open(): SourceSession[] {
    return [...this.sessions.keys()].filter(({ isOver }) => !isOver);
  }

  private get maxMigrations(): number {
    return this.options.maxMigrations ?? 1;
  }

  private async route(socket: Socket): Promise<unknown> {
    const mayUsePreempt = () => this.open.some(({ advisesPostcopy }) => advisesPostcopy);
    const found = await classify(socket, mayUsePreempt);
    if (found.kind === 'preempt' && isEnded(socket) && !mayUsePreempt()) return socket.destroy();
    if (found.kind === 'main') return this.attempt(socket);
    const { open } = this;
    const youngest = open.findLast(({ uuid, advisesPostcopy }) =>
      found.kind === 'multifd' ? uuid === undefined : advisesPostcopy,
    );
    const named = found.uuid === undefined ? undefined : open.find(({ uuid }) => uuid === found.uuid);
    const session = named ?? youngest ?? open.at(-1);
    if (!session) return this.admit(socket);
    session.uuid ??= found.uuid;
    session.add(socket, found.kind, () => void this.turns.run(() => this.attempt(socket)));
  }

  /** Begin another migration; those whose QEMU has closed its connection before the end were cancelled. */
  private async attempt(socket: Socket): Promise<void> {
    await Promise.all(
      this.open.map(async (session) => {
        if (await session.isCancelled()) session.stop(CANCELLED);
      }),
    );
    this.admit(socket);
  }

  private admit(socket: Socket): void {
    const { options, sessions, maxMigrations } = this;
    if (this.isClosed) socket.destroy();
    else if (sessions.size < maxMigrations) this.begin(socket);
    else if (this.open.length < maxMigrations) this.wait(socket);
    else {
      const message = `refused: ${sessions.size} migrations are in progress (--migrations ${maxMigrations})`;
      options.log({ level: 'warn', migration: 0, message });
      socket.destroy();
    }
  }

  private wait(socket: Socket): void {
    this.waiting.push(socket);
    const { abandonMs = 60_000 } = this.options;
    const abandoned = `QEMU began another migration, and ${abandonMs} ms later the destination's QEMU had not closed its connection: its log has the result of this one`;
    // One that is still sending ends later: the channel notices a link or a destination that stalls.
    this.abandoning ??= setInterval(() => {
      for (const session of this.sessions.keys())
        if (session.isOver && session.isSent) session.stop(abandoned);
    }, abandonMs);
    this.cancelling ??= setTimeout(() => {
      for (const session of this.sessions.keys()) if (session.isCut) session.stop(CANCELLED);
    }, CANCELLED_MS);
  }

  private stopTimers(): void {
    clearInterval(this.abandoning);
    clearTimeout(this.cancelling);
    this.abandoning = undefined;
    this.cancelling = undefined;
  }

  private begin(socket: Socket): void {
    const { options, advisor } = this;
    options.onBegin?.();
    const cacheBytes = this.memory.take();
    const share = this.limiter?.join();
    const session = new SourceSession(
      { ...options, cacheBytes, share, advisor: this.isDecided ? undefined : advisor },
      ++this.count,
      socket,
    );
    const running = session.run().then(async (error) => {
      if (error) await this.starting?.then((restore) => restore()).catch(() => {});
      this.sessions.delete(session);
      this.memory.release(cacheBytes);
      this.stopTimers();
      options.onEnd?.(error, session.endMessage);
      for (const next of this.waiting.splice(0)) this.admit(next);
    });
    this.sessions.set(session, running);
  }
}

/** QEMU has closed a connection, or broken it off. */
function isEnded(socket: Socket): boolean {
  return socket.readableEnded || socket.destroyed;
}
