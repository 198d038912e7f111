// A migration from one QEMU to another over unix sockets, directly or through a relay or agents.
import {
  type Machine,
  type MachineOptions,
  type MigrateOptions,
  type MigrationInfo,
  startMachine,
} from './machine.js';

export interface Pair {
  readonly source: Machine;
  readonly destination: Machine;
  quit(): Promise<void>;
}

/** Start two machines with the same options; the destination waits for a migration. */
export async function startPair(options: Omit<MachineOptions, 'name' | 'incoming'>): Promise<Pair> {
  const source = await startMachine({ ...options, name: 'source' });
  const destination = await startMachine({ ...options, name: 'destination', incoming: true }).catch(
    async (error) => {
      await source.quit();
      throw error;
    },
  );
  return {
    source,
    destination,
    async quit() {
      await Promise.all([source.quit(), destination.quit()]);
    },
  };
}

export interface PairMigration extends MigrateOptions {
  /** Path of the socket that the source connects to (default: `pair.destination.socket`). */
  readonly through?: string;
  /** Called after the migration has started. */
  readonly onStarted?: () => Promise<void>;
}

export interface PairResult {
  readonly info: MigrationInfo;
  /** Time from the source's last STOP to the destination's first RESUME. */
  readonly downtimeMs: number;
}

/**
 * Migrate from source to destination and wait until both report completion.
 *
 * @throws Error with QEMU's reason when the migration failed
 */
export async function migratePair(
  { source, destination }: Pair,
  migration: PairMigration = {},
): Promise<PairResult> {
  const { through = destination.socket, onStarted, ...options } = migration;
  // Both sides have to agree on these.
  const shared = Object.entries(options.parameters ?? {}).filter(([name]) => name.startsWith('multifd-'));
  const { capabilities } = options;
  await destination.listen(`unix:${destination.socket}`, {
    ...(capabilities && { capabilities }),
    parameters: Object.fromEntries(shared),
  });
  await source.migrate(`unix:${through}`, options);
  await onStarted?.();
  const info = await source.migrated();
  await destination.migrated();
  const resumed = await destination.qmp.event('RESUME');
  const stopped = source.qmp.events.findLast(({ event }) => event === 'STOP');
  return { info, downtimeMs: resumed.atMs - (stopped?.atMs ?? Number.NaN) };
}
