// A guest of your own: a program of this process that writes a ring, round and round. Where there is no
// program to run, any object with `run`, `read` and a few more will do (`Guest` in the types).
import { programGuest, simulate } from 'pageferry/simulate';

const RING_BYTES = 4 << 20;

/** Started anew for every migration, so that all of them see the same. */
function open() {
  const memory = new WebAssembly.Memory({ initial: 128 });
  const bytes = new Uint8Array(memory.buffer);
  let entries = 0;
  const step = () => {
    const until = entries + 5000;
    for (; entries < until; entries++)
      bytes.set(
        new TextEncoder().encode(`entry ${entries}: what a log may say`),
        (entries * 64) % RING_BYTES,
      );
  };
  return { memory, step };
}
const guest = programGuest({ name: 'ring', open, stepMs: 50 });

const link = { bitsPerSecond: 1e8, rttMs: 1 };
const plain = await simulate({ guest, link, technique: 'pre-copy' });
const delta = await simulate({ guest, link, technique: 'xbrle' });
process.stdout.write(
  `ring: ${plain.bytes} bytes in ${plain.rounds} rounds of whole pages, ${delta.bytes} in ${delta.rounds} of differences\n`,
);
if (!plain.verified || !delta.verified) process.exitCode = 1;
