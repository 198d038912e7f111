import type { StreamState } from '../strategy/strategy.js';
import type { Link } from './link.js';
import type { MigrationSettings } from './settings.js';

/** What a strategy is told of a migration's stream: all of it in virtual time, which is only known once there is a migration. */
export function streamState(
  { link: { bitsPerSecond }, source: { threads } }: MigrationSettings,
  link: Link,
  progress: NonNullable<StreamState['progress']>,
): { readonly state: StreamState; clockIs(now: () => number): void } {
  let nowMs = () => 0;
  return {
    state: {
      linkBitsPerSecond: bitsPerSecond,
      get bytesTaken() {
        return link.bytes - link.backlogBytes(nowMs());
      },
      threads,
      elapsedMs: () => nowMs(),
      get bytesOut() {
        return link.bytes;
      },
      pendingMs: 0,
      handoverMs: () => 0,
      zstd: true,
      progress,
    },
    clockIs(now) {
      nowMs = now;
    },
  };
}
