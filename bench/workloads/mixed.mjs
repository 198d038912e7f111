// Two guests of different kinds in one stream, as in the evacuation of a host: their memories alternate every
// few MiB.
import { seeded } from '../seeded.mjs';
import { cacheHeavy } from './cache-heavy.mjs';
import { database } from './database.mjs';
import { encrypted } from './encrypted.mjs';
import { idle } from './idle.mjs';

const MIB = 1 << 20;

export const mixedIdleEncrypted = mixed(idle, encrypted);
export const mixedDatabaseCache = mixed(database, cacheHeavy);

function mixed(one, other) {
  return {
    name: `mixed:${one.name}+${other.name}`,
    description: `two guests in one stream, ${one.name} and ${other.name}, alternating every few MiB`,
    isMixed: true,
    async *images(options) {
      const [first, second] = [one, other].map((workload) => workload.images(options));
      for (;;) {
        const [a, b] = [await first.next(), await second.next()];
        if (a.done || b.done) break;
        yield { name: `${a.value.name}+${b.value.name}`, bytes: interleaved([a.value.bytes, b.value.bytes]) };
      }
      // End the generator that has more images.
      await Promise.all([first.return(), second.return()]);
    },
  };
}

/** Interleave two memories; the boundaries are the same in every image. */
function interleaved(guests) {
  const random = seeded(7);
  const bytes = new Uint8Array(guests[0].length + guests[1].length);
  const taken = [0, 0];
  for (let turn = 0, at = 0; at < bytes.length; turn = 1 - turn) {
    const part = guests[turn].subarray(taken[turn], taken[turn] + (1 + (random() % 6)) * MIB);
    bytes.set(part, at);
    taken[turn] += part.length;
    at += part.length;
  }
  return bytes;
}
