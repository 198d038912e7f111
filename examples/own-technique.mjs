// A technique of your own: a plain object. This one sends the last pages first, and pages that were written to in two rounds only when
// the guest stands still. What all pre-copies share (rounds, limits, the last round) it gets from `runPreCopy`.
import { runPreCopy, simulate, syntheticGuest } from 'pageferry/simulate';

const twice = {
  name: 'twice',
  what: 'descending, pages written to in two rounds last',
  source: 'this example',
  migrate(migration) {
    const written = new Uint8Array(migration.pages);
    return runPreCopy(migration, {
      order: (pages) => [...pages].reverse(),
      leave: (page) => (written[page] >= 2 ? 'written to in two rounds' : undefined),
      ended(dirty) {
        for (const page of dirty) written[page]++;
      },
    });
  },
};

const guest = syntheticGuest({ name: 'server', bytes: 32 << 20 });
for (const technique of [twice, 'pre-copy']) {
  const options = { guest, technique, link: { bitsPerSecond: 2e8, rttMs: 1 }, downtimeLimitMs: 60 };
  const { technique: name, totalMs, downtimeMs, bytes, rounds, verified } = await simulate(options);
  process.stdout.write(
    `${name}: ${totalMs.toFixed(0)} ms, down ${downtimeMs.toFixed(0)} ms, ${bytes} bytes, ${rounds} rounds\n`,
  );
  if (!verified) process.exitCode = 1;
}
