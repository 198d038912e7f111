import type { RoundStats } from '../round-stats.js';

/** `sent 216 MB for 395 MB of migration stream (45% less) in 4 rounds` */
export function summary({ streamBytes, rounds }: RoundStats, wireBytes: number): string {
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
  const percent = streamBytes > 0 ? Math.round(100 * (1 - wireBytes / streamBytes)) : 0;
  const saved = percent >= 0 ? `${percent}% less` : `${-percent}% more`;
  const count = `${rounds} ${rounds === 1 ? 'round' : 'rounds'}`;
  return `sent ${megabytes(wireBytes)} for ${megabytes(streamBytes)} of migration stream (${saved}) in ${count}`;
}
