// npm run bench -- SUITE [options]: runs one suite of benchmarks.
const [suite = 'help', ...argv] = process.argv.slice(2);
const SUITES = {
  kernels: 'every kernel, encode and decode, against npm and native peers, by kind of page',
  pack: 'whole processes against lz4, zstd and no compression: bytes, wall time, pipelined time, memory',
  tradeoff:
    'overhead against transfer size: workloads x strategies x links, adaptive against the best fixed one and raw',
  predicted: 'the model of pipelined time against a paced link in real time',
  pipe: 'whole processes through a rate-limited pipe: pageferry against zstd, lz4 and no compression',
  'changing-link':
    'a link that changes its rate mid-stream: adaptive against an oracle that knew, and the fixed ones',
  index: 'the fingerprint index against Map: inserts, hits, misses',
  'pages-in-out': 'pages into and out of wasm memory against native memcpy',
  threads: 'scan, fingerprint and lz4 on one worker and on two: CPU time and wall time',
  costs: 'what work takes here, beside the numbers that simulations have built in',
  agent: 'real QEMU guests over a shaped link: the agents against every mode that QEMU has',
  'agent-soak': 'migrations back and forth through agents, the link cut in every third',
  techniques:
    'the surveyed migration techniques: each against plain pre-copy, and all side by side (virtual time)',
  stages: 'where the time of encoding goes, stage by stage',
};
if (!Object.hasOwn(SUITES, suite)) {
  const lines = Object.entries(SUITES).map(([name, what]) => `  ${name.padEnd(14)}${what}`);
  process.stdout.write(
    `npm run bench -- SUITE [--quick] [--traces DIR] [--runs N] [--json FILE]\n\n${lines.join('\n')}\n`,
  );
  process.exit(suite === 'help' || suite === '--help' ? 0 : 2);
}
const { run } = await import(`./${suite}.mjs`);
try {
  await run(argv);
} catch (error) {
  if (!error.code?.startsWith('ERR_PARSE_ARGS_')) throw error;
  process.stderr.write(`bench ${suite}: ${error.message.split('\n')[0]}\n`);
  process.exitCode = 2;
}
