import type { GroupView, Packing, PackingResult, Strategy, StreamState } from './strategy.js';

/** `StreamState` as plain data. */
type StateRecord = Omit<StreamState, 'elapsedMs' | 'handoverMs'> & {
  readonly elapsedMs: number;
  readonly handoverMs: Readonly<Record<Packing['name'], number>>;
};

/** A packing that a strategy chose, or the result of one; plain data for JSON. */
export type StrategyEvent =
  | {
      readonly kind: 'chosen';
      readonly group: GroupView;
      readonly state: StateRecord;
      readonly packing: Packing;
    }
  | {
      readonly kind: 'packed';
      readonly group: GroupView;
      readonly packing: Packing;
      readonly packedBytes: number;
      readonly ms: number;
      readonly cpuMs?: number | undefined;
    };

/** Wrap a strategy so that every packing that it chooses, and every result, is appended to `events`. */
export function recorded(strategy: Strategy): {
  readonly strategy: Strategy;
  readonly events: StrategyEvent[];
} {
  const events: StrategyEvent[] = [];
  const { pack, onPacked } = strategy;
  return {
    events,
    strategy: {
      ...strategy,
      choose: (page, state) => strategy.choose(page, state),
      ...(pack && {
        pack(group: GroupView, state: StreamState) {
          const input = { group: groupRecord(group), state: stateRecord(state) };
          // The strategy gets the recorded state: a second reading of the clock would differ.
          const packing = pack.call(strategy, group, stateOf(input.state));
          events.push({ kind: 'chosen', ...input, packing: { ...packing } });
          return packing;
        },
      }),
      onPacked(result: PackingResult) {
        const { group, packing, packedBytes, ms, cpuMs } = result;
        const measured = { packedBytes, ms, cpuMs };
        events.push({ kind: 'packed', group: groupRecord(group), packing: { ...packing }, ...measured });
        onPacked?.call(strategy, result);
      },
    },
  };
}

/**
 * Replay recorded events with a new strategy and return the packings that it chooses. They equal the recorded
 * ones if the strategy depends on nothing but these events.
 */
export function replayed(strategy: Strategy, events: readonly StrategyEvent[]): Packing[] {
  const chosen: Packing[] = [];
  for (const event of events) {
    if (event.kind === 'packed') strategy.onPacked?.(event);
    else chosen.push(strategy.pack!(event.group, stateOf(event.state)));
  }
  return chosen;
}

function stateOf(record: StateRecord): StreamState {
  return {
    ...record,
    elapsedMs: () => record.elapsedMs,
    handoverMs: (name) => record.handoverMs[name],
  };
}

function groupRecord({ kind, bytes, pages, estimatedBytes }: GroupView): GroupView {
  return { kind, bytes, pages, estimatedBytes };
}

function stateRecord(state: StreamState): StateRecord {
  const { linkBitsPerSecond, bytesAcked, linkBusyFraction, threads, bytesOut, pendingMs } = state;
  const { hasZstd, zstdName, hasBothZstd, progress, cores, floorMsPerMiB, bytesRead } = state;
  const { bytesWaiting, destination } = state;
  const handoverMs = {
    raw: state.handoverMs('raw'),
    lz4: state.handoverMs('lz4'),
    zstd: state.handoverMs('zstd'),
  };
  return {
    linkBitsPerSecond,
    bytesAcked,
    linkBusyFraction,
    threads,
    cores,
    floorMsPerMiB,
    bytesRead,
    bytesWaiting,
    bytesOut,
    pendingMs,
    hasZstd,
    zstdName,
    ...(hasBothZstd !== undefined && { hasBothZstd }),
    ...(progress && { progress: { ...progress } }),
    ...(destination && { destination }),
    elapsedMs: state.elapsedMs(),
    handoverMs,
  };
}
