import type { Address } from '../../channel/transports/address.js';
import { asError } from '../as-error.js';
import type { Advisor } from '../direct/advisor.js';
import { tryDirect } from '../direct/try-direct.js';
import { IS_ON_DESTINATION } from '../guest-state.js';
import { messageLog } from '../log.js';
import type { MeteredMigration } from '../metrics.js';
import type { SourceAgentOptions } from './options.js';
import type { SourceSessions } from './source-sessions.js';
import { startMigration } from './start-migration.js';

/** Inputs of a migration that the agent starts. */
interface GuestMigration {
  /** Where the agent listens. */
  readonly listen: Address;
  readonly warmUp: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Have the QEMU of `qmp` migrate its guest: directly where that is the best mode, else to the agent, whose
 * `sessions` carry it. @throws PageferryError with the state of the guest; the reason of `signal`
 */
export async function migrateGuest(
  options: SourceAgentOptions,
  sessions: SourceSessions,
  migration: GuestMigration,
): Promise<void> {
  try {
    await tryMigration(options, sessions, migration);
  } catch (cause) {
    // The program then reports the signal alone.
    const message = `failed: ${asError(cause).message}`;
    if (migration.signal.aborted) messageLog(options.log, 0)('error', message);
    throw cause;
  }
}

async function tryMigration(
  options: SourceAgentOptions,
  sessions: SourceSessions,
  { listen, warmUp, signal }: GuestMigration,
): Promise<void> {
  const { peer, log } = options;
  const { advisor } = sessions;
  const qmp = options.qmp!.address;
  if (advisor && (await migrateDirectly(options, { advisor, qmp, signal })))
    return options.onEnd?.(undefined);
  const before = sessions.count;
  const starting = startMigration({
    ...{ qmp, peer, listen, warmUp, signal, hasConnected: () => sessions.count > before },
    log: messageLog(log, 0),
  });
  sessions.carry(starting);
  await starting;
}

/** Have QEMU migrate its guest directly; return whether it has. */
async function migrateDirectly(
  { peer, meters, log }: SourceAgentOptions,
  parts: { readonly advisor: Advisor; readonly qmp: Address; readonly signal: AbortSignal },
): Promise<boolean> {
  let metered: MeteredMigration | undefined;
  try {
    const isDone = await tryDirect({
      ...{ ...parts, peer, isStarted: false },
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
