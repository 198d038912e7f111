// A link of your own: how long bytes take on it is a function of yours, so it may be another simulator's.
// This one is shared: every other half second it has a quarter of its rate; and after 0.8 seconds the
// connection is lost for 0.3.
import { simulate, syntheticGuest } from 'pageferry/simulate';

const HALF_MS = 500;

const shared = {
  bitsPerSecond: 5e8,
  rttMs: 4,
  sendMs(bytes, atMs) {
    let left = bytes;
    let ms = 0;
    for (;;) {
      const bytesPerMs = Math.floor((atMs + ms) / HALF_MS) % 2 === 0 ? 62_500 : 15_625;
      const untilTurn = HALF_MS - ((atMs + ms) % HALF_MS);
      if (left <= bytesPerMs * untilTurn) return ms + left / bytesPerMs;
      left -= bytesPerMs * untilTurn;
      ms += untilTurn;
    }
  },
};

const guest = syntheticGuest({ name: 'server', bytes: 64 << 20 });
for (const link of [
  { bitsPerSecond: 5e8, rttMs: 4 },
  shared,
  { ...shared, cut: { atMs: 800, forMs: 300 } },
]) {
  const { totalMs, downtimeMs, bytes, verified } = await simulate({ guest, technique: 'pre-copy', link });
  const what = `${link.sendMs ? 'shared' : 'alone'}${link.cut ? ', lost for a while' : ''}`;
  process.stdout.write(
    `${what}: ${totalMs.toFixed(0)} ms, down ${downtimeMs.toFixed(0)} ms, ${bytes} bytes\n`,
  );
  if (!verified) process.exitCode = 1;
}
