import type { GroupView, Packing, PackingResult, Strategy, StreamState } from './strategy.js';

/** How a stream stood when a packing was chosen; plain data. */
type StateRecord = Omit<StreamState, 'elapsedMs' | 'handoverMs'> & {
  readonly elapsedMs: number;
  readonly handoverMs: Readonly<Record<Packing['name'], number>>;
};

/** What happened, in order: packings that were chosen and what they took. JSON can hold it. */
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
    };

/** A strategy that writes down what it was asked, what it chose, and what that took. */
export function recorded(strategy: Strategy): {
  readonly strategy: Strategy;
  readonly events: StrategyEvent[];
} {
  const events: StrategyEvent[] = [];
  const { pack, packed } = strategy;
  return {
    events,
    strategy: {
      ...strategy,
      choose: (page, state) => strategy.choose(page, state),
      ...(pack && {
        pack(group: GroupView, state: StreamState) {
          const stood = { group: groupRecord(group), state: stateRecord(state) };
          const packing = pack.call(strategy, group, state);
          events.push({ kind: 'chosen', ...stood, packing: { ...packing } });
          return packing;
        },
      }),
      packed(result: PackingResult) {
        const { group, packing, packedBytes, ms } = result;
        events.push({ kind: 'packed', group: groupRecord(group), packing: { ...packing }, packedBytes, ms });
        packed?.call(strategy, result);
      },
    },
  };
}

/**
 * Asks a fresh strategy what a recorded one was asked, and tells it what packings took then: the packings that it chooses. A
 * strategy that depends on nothing else chooses what was recorded.
 */
export function replayed(strategy: Strategy, events: readonly StrategyEvent[]): Packing[] {
  const chosen: Packing[] = [];
  for (const event of events) {
    if (event.kind === 'packed') strategy.packed?.(event);
    else {
      const { state } = event;
      chosen.push(
        strategy.pack!(event.group, {
          ...state,
          elapsedMs: () => state.elapsedMs,
          handoverMs: (name) => state.handoverMs[name],
        }),
      );
    }
  }
  return chosen;
}

function groupRecord({ kind, bytes, pages, estimatedBytes }: GroupView): GroupView {
  return { kind, bytes, pages, estimatedBytes };
}

function stateRecord(state: StreamState): StateRecord {
  const { linkBitsPerSecond, bytesTaken, linkWaits, threads, bytesOut, pendingMs, zstd, zstdName, progress } =
    state;
  const handoverMs = {
    raw: state.handoverMs('raw'),
    lz4: state.handoverMs('lz4'),
    zstd: state.handoverMs('zstd'),
  };
  const elapsedMs = state.elapsedMs();
  return {
    linkBitsPerSecond,
    bytesTaken,
    linkWaits,
    threads,
    bytesOut,
    pendingMs,
    zstd,
    zstdName,
    ...(progress && { progress: { ...progress } }),
    elapsedMs,
    handoverMs,
  };
}
