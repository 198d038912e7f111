// A custom guest: a program of this process that writes a ring buffer. Without a program, any object with the
// members of `Guest` (`run`, `read` and a few more) is a guest too.
import { programGuest, simulate } from 'pageferry/simulate';

const RING_BYTES = 4 << 20;

/** Starts the program for one migration, so that every migration sees the same writes. */
function open() {
  const memory = new WebAssembly.Memory({ initial: 128 });
  const bytes = new Uint8Array(memory.buffer);
  let entries = 0;
  const step = () => {
    const until = entries + 5000;
    for (; entries < until; entries++)
      bytes.set(new TextEncoder().encode(`entry ${entries} of the log`), (entries * 64) % RING_BYTES);
  };
  return { memory, step };
}
const guest = programGuest({ name: 'ring', open, stepMs: 50 });

const link = { bitsPerSecond: 1e8, rttMs: 1 };
for (const technique of ['pre-copy', 'xbrle']) {
  const { bytes, rounds, verified } = await simulate({ guest, link, technique });
  process.stdout.write(`ring, ${technique}: ${bytes} bytes in ${rounds} rounds\n`);
  if (!verified) process.exitCode = 1;
}
