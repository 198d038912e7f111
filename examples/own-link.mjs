// A custom link: `sendMs` computes how long bytes take, so it may call another simulator. This link is
// shared: every other half second it has a quarter of its rate. The third run also loses the connection at
// 0.8 s for 0.3 s.
import { simulate, syntheticGuest } from 'pageferry/simulate';

const HALF_MS = 500;

const shared = {
  bitsPerSecond: 5e8,
  rttMs: 4,
  sendMs(bytes, atMs) {
    let remaining = bytes;
    let ms = 0;
    for (;;) {
      const bytesPerMs = Math.floor((atMs + ms) / HALF_MS) % 2 === 0 ? 62_500 : 15_625;
      const phaseMs = HALF_MS - ((atMs + ms) % HALF_MS);
      if (remaining <= bytesPerMs * phaseMs) return ms + remaining / bytesPerMs;
      remaining -= bytesPerMs * phaseMs;
      ms += phaseMs;
    }
  },
};
const links = {
  'full rate': { bitsPerSecond: 5e8, rttMs: 4 },
  shared,
  'shared, connection lost': { ...shared, cut: { atMs: 800, forMs: 300 } },
};

const guest = syntheticGuest({ name: 'server', bytes: 64 << 20 });
for (const [name, link] of Object.entries(links)) {
  const { totalMs, downtimeMs, bytes, verified } = await simulate({ guest, technique: 'pre-copy', link });
  const times = `total ${totalMs.toFixed(0)} ms, downtime ${downtimeMs.toFixed(0)} ms`;
  process.stdout.write(`${name}: ${times}, ${bytes} bytes\n`);
  if (!verified) process.exitCode = 1;
}
