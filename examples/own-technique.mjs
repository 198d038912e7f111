// A custom technique: a plain object. This one sends the last pages first, and defers pages that were written
// in two rounds to the last round. `runPreCopy` supplies the rest of pre-copy: rounds, limits, the last
// round.
import { runPreCopy, simulate, syntheticGuest } from 'pageferry/simulate';

const twice = {
  name: 'twice',
  summary: 'descending order; pages written in two rounds last',
  reference: 'this example',
  migrate(migration) {
    const writes = new Uint8Array(migration.pages);
    return runPreCopy(migration, {
      order: (pages) => [...pages].reverse(),
      deferReason: (page) => (writes[page] >= 2 ? 'written in two rounds' : undefined),
      onRound(dirty) {
        for (const page of dirty) writes[page]++;
      },
    });
  },
};

const guest = syntheticGuest({ name: 'server', bytes: 32 << 20 });
for (const technique of [twice, 'pre-copy']) {
  const options = { guest, technique, link: { bitsPerSecond: 2e8, rttMs: 1 }, downtimeLimitMs: 60 };
  const { technique: name, totalMs, downtimeMs, bytes, rounds, verified } = await simulate(options);
  const times = `total ${totalMs.toFixed(0)} ms, downtime ${downtimeMs.toFixed(0)} ms`;
  process.stdout.write(`${name}: ${times}, ${bytes} bytes, ${rounds} rounds\n`);
  if (!verified) process.exitCode = 1;
}
