import { totalmem } from 'node:os';
import { asError } from '../../agent/as-error.js';
import { type BaseImageFile, openBaseImage } from '../../agent/base-image-file.js';
import type { Log } from '../../agent/log.js';
import { AgentMetrics } from '../../agent/metrics.js';
import { warmUp } from '../../agent/warm-up/warm-up.js';
import { PageferryError } from '../../page/error.js';
import { stopIncrementalMarking } from '../../page/node-hooks.js';
import type { CommonValues } from './options.js';
import { serveMetrics } from './outputs.js';

/** Time for an agent to tell its peer that it stops. */
export const STOP_MS = 5000;

/** The options that the source and the destination agent share. */
interface CommonAgentOptions {
  readonly base: BaseImageFile | undefined;
  readonly cacheBytes: number;
  readonly maxMigrations: number;
  readonly maxGuestBytes: number;
  readonly log: Log;
  readonly meters: AgentMetrics;
  readonly onBegin: () => void;
  readonly onEnd: (error: PageferryError | undefined, message?: string) => void;
}

/** Begins what an agent is run for. Without it the agent waits for migrations, and warms up at once. */
export type Begin<Agent> = (agent: Agent, warmUp: () => Promise<void>) => Promise<void>;

interface AgentRun<Agent extends { close(): Promise<void> }> {
  readonly role: 'source' | 'destination';
  readonly values: CommonValues;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Listen, and return the running agent. */
  readonly start: (options: CommonAgentOptions) => Promise<Agent>;
  /** Called once the agent listens, with a function that warms it up; a failure ends the run. */
  readonly begin?: Begin<Agent> | undefined;
}

/**
 * Run an agent until `signal` aborts, or with --once until a migration ended; return whether one is complete.
 * @throws that migration's failure; what starting failed with
 */
export async function runAgent<Agent extends { close(): Promise<void> }>({
  role,
  values,
  log,
  signal,
  start,
  begin,
}: AgentRun<Agent>): Promise<boolean> {
  const meters = new AgentMetrics();
  const end = endOf(values.once, signal);
  const migrating = new AbortController();
  let base: BaseImageFile | undefined;
  try {
    base = values.base === undefined ? undefined : await openBaseImage(values.base, signal);
  } catch (cause) {
    // Stopped before it listens: an orderly end, as later.
    if (signal.aborted) return false;
    throw cause;
  }
  let stopMetrics: (() => void) | undefined;
  try {
    if (values.metrics) stopMetrics = await serveMetrics(values.metrics, role, meters, log);
    stopIncrementalMarking();
    const agent = await start({
      ...{ base, log, meters },
      cacheBytes: values['memory-limit'],
      maxMigrations: values.migrations,
      maxGuestBytes: values['max-guest-memory'] ?? totalmem(),
      onBegin: () => migrating.abort(new Error('a migration began')),
      onEnd: end.onMigrationEnd,
    });
    let warming: Promise<void> | undefined;
    const warm = () => {
      warming ??= runWarmUp(log, AbortSignal.any([signal, migrating.signal]));
      return warming;
    };
    try {
      await Promise.all([end.reached, begin ? begin(agent, warm) : warm()]);
    } finally {
      await Promise.all([agent.close(), warming]);
    }
    return end.hasCompleted();
  } finally {
    stopMetrics?.();
    base?.close();
  }
}

/** `reached` resolves at the abort, or with --once when a migration ended, and rejects with its failure. */
function endOf(once: boolean, signal: AbortSignal) {
  let hasCompleted = false;
  let onOnceEnd: (error: PageferryError | undefined) => void = () => {};
  const reached = new Promise<void>((resolve, reject) => {
    if (once) onOnceEnd = (error) => (error ? reject(error) : resolve());
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
  // It may be reached before it is awaited.
  reached.catch(() => {});
  const onMigrationEnd = (error: PageferryError | undefined, message = error?.message) => {
    // It can be complete after the abort too.
    hasCompleted ||= error === undefined;
    onOnceEnd(error && new PageferryError(error.code, message!, { cause: error }));
  };
  return { reached, onMigrationEnd, hasCompleted: () => hasCompleted };
}

/** Warm up while the agent listens already. A migration that begins meanwhile does that better. */
async function runWarmUp(log: Log, signal: AbortSignal): Promise<void> {
  const startedMs = performance.now();
  try {
    await warmUp(signal);
    const ms = Math.round(performance.now() - startedMs);
    log({ level: 'info', migration: 0, message: `warm-up finished in ${ms} ms` });
  } catch (cause) {
    if (signal.aborted) return;
    const message = `warm-up failed, the first migration is slower: ${asError(cause).message}`;
    log({ level: 'warn', migration: 0, message });
  }
}
