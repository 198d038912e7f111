// A migration from one QEMU to another over unix sockets, through whatever stands between them.
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

/** Two machines alike; the destination waits and has been told nothing. */
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
  /** The path that the source connects to; the destination's own, `pair.destination.socket`, unless given. */
  readonly through?: string;
  /** Called once the migration has begun. */
  readonly begun?: () => Promise<void>;
}

export interface PairResult {
  readonly info: MigrationInfo;
  /** From the source's last STOP to the destination's first RESUME. */
  readonly downtimeMs: number;
}

/**
 * Listens at the destination's socket, migrates there and waits until both sides are done. @throws Error with
 * QEMU's reason
 */
export async function migratePair(
  { source, destination }: Pair,
  migration: PairMigration = {},
): Promise<PairResult> {
  const { through = destination.socket, begun, ...options } = migration;
  await destination.listen(`unix:${destination.socket}`, { capabilities: options.capabilities });
  await source.migrate(`unix:${through}`, options);
  await begun?.();
  const info = await source.migrated();
  await destination.migrated();
  const resumed = await destination.qmp.event('RESUME');
  const stopped = source.qmp.events.findLast(({ event }) => event === 'STOP');
  return { info, downtimeMs: resumed.atMs - (stopped?.atMs ?? Number.NaN) };
}
