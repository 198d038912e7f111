import type { Socket } from 'node:net';
import { Advisor } from '../direct/advisor.js';
import { RateLimiter } from '../flow/rate-limiter.js';
import { messageLog } from '../log.js';
import { MemoryShares } from '../memory-shares.js';
import type { SourceAgentOptions } from './options.js';
import { SourceSession } from './source-session.js';

const CANCELLED = 'QEMU began another migration on a new connection: this one was cancelled';
/** A migration that QEMU has cancelled ends within this time once another one waits for it. */
const CANCELLED_MS = 1000;

/** The migrations of one agent: begins them up to its limit, has others wait for an end, or refuses them. */
export class SourceSessions {
  private readonly sessions = new Map<SourceSession, Promise<void>>();
  /** Connections of attempts that begin once another migration is released. */
  private readonly waiting: Socket[] = [];
  private abandoning: NodeJS.Timeout | undefined;
  private cancelling: NodeJS.Timeout | undefined;
  private hasClosed = false;
  private begun = 0;
  /** The start of the migration that the agent starts in QEMU. */
  private starting: Promise<() => Promise<void>> | undefined;
  private readonly memory: MemoryShares;
  private readonly limiter: RateLimiter | undefined;
  readonly advisor: Advisor | undefined;

  constructor(private readonly options: SourceAgentOptions) {
    const { cacheBytes, maxBitsPerSecond } = options;
    this.advisor = this.createAdvisor();
    this.memory = new MemoryShares(cacheBytes, this.maxMigrations);
    if (maxBitsPerSecond !== undefined) this.limiter = new RateLimiter(maxBitsPerSecond);
  }

  get isClosed(): boolean {
    return this.hasClosed;
  }

  /** Number of migrations that have begun. */
  get count(): number {
    return this.begun;
  }

  /** Migrations whose QEMU may still open connections, in order. */
  get open(): SourceSession[] {
    return [...this.sessions.keys()].filter(({ isOver }) => !isOver);
  }

  /** Begin another migration; those whose QEMU has closed its connection before the end were cancelled. */
  async attempt(socket: Socket): Promise<void> {
    await Promise.all(
      this.open.map(async (session) => {
        if (await session.isCancelled()) session.stop(CANCELLED);
      }),
    );
    this.admit(socket);
  }

  /** Begin a migration, have it wait, or refuse it. */
  admit(socket: Socket): void {
    const { options, sessions, maxMigrations } = this;
    if (this.hasClosed) socket.destroy();
    else if (sessions.size < maxMigrations) this.begin(socket);
    else if (this.open.length < maxMigrations) this.wait(socket);
    else {
      const message = `refused: ${sessions.size} migrations are in progress (--migrations ${maxMigrations})`;
      options.log({ level: 'warn', migration: 0, message });
      socket.destroy();
    }
  }

  /**
   * Carry the migration that the agent starts in QEMU: no other mode is tried. What `starting` resolves to
   * gives QEMU its settings back after a failure.
   */
  carry(starting: Promise<() => Promise<void>>): void {
    this.starting = starting;
  }

  async close(): Promise<void> {
    this.hasClosed = true;
    this.advisor?.close();
    this.stopTimers();
    for (const socket of this.waiting.splice(0)) socket.destroy();
    for (const session of this.sessions.keys()) session.stopSafely('the agent was stopped');
    await Promise.all(this.sessions.values());
  }

  private get maxMigrations(): number {
    return this.options.maxMigrations ?? 1;
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
      { ...options, cacheBytes, share, advisor: this.starting ? undefined : advisor },
      ++this.begun,
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
