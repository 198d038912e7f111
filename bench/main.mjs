// npm run bench -- SUITE [options]: runs one benchmark suite.
const [suite = 'help', ...argv] = process.argv.slice(2);
const SUITES = {
  kernels: 'every kernel against npm packages and native code, by kind of page',
  pack: 'whole processes against lz4, zstd and no compression: bytes, wall time, pipelined time, memory',
  tradeoff: 'overhead and transfer size: workloads × strategies × links; adaptive against fixed strategies',
  predicted: 'the model of pipelined time against a rate-limited link in real time',
  pipe: 'whole processes through a rate-limited pipe: pageferry against zstd, lz4 and no compression',
  contended:
    'whole processes into a rate-limited pipe while the CPU is scarce: every strategy, zstd, lz4, cat',
  'changing-link': 'a link whose rate changes mid-stream: adaptive against an oracle and fixed strategies',
  index: 'the page index against Map: inserts and lookups',
  'pages-in-out': 'copies into and out of wasm memory against native memcpy',
  scale: 'encoding with one thread and two, and a model of eight cores from measured stage costs',
  threads: 'scan, digests and lz4 on one worker and on two: CPU time and wall time',
  costs: 'costs of work on this host, beside the built-in values of simulations',
  agent: "real QEMU guests over a rate-limited link: the agents against QEMU's migration modes",
  'agent-cpu': 'CPU time of both agents for a recorded migration stream, by part of the work',
  'agent-link': 'a stream through the agents and a relay with a rate and a delay, against one TCP stream',
  'agent-soak': 'migrations in sequence through the agents, the link cut in every third',
  techniques: 'migration techniques against plain pre-copy, and all side by side (virtual time)',
  stages: 'encoding time by stage',
  mount: 'reads, page faults and QEMU clones of mounted snapshots beside an uncompressed file; NBD',
  store: 'a store of snapshots against pack, zstd, restic, borg and casync; a store of 1,000 snapshots',
};
const asksForHelp =
  ['help', '--help', '-h'].includes(suite) || argv.includes('--help') || argv.includes('-h');
if (asksForHelp || !Object.hasOwn(SUITES, suite)) {
  const lines = Object.entries(SUITES).map(([name, description]) => `  ${name.padEnd(14)}${description}`);
  process.stdout.write(
    `npm run bench -- SUITE [--quick] [--traces DIR] [--runs N] [--json FILE]\n\n${lines.join('\n')}\n`,
  );
  process.exit(asksForHelp ? 0 : 2);
}
const { run } = await import(`./${suite}.mjs`);
try {
  await run(argv);
} catch (error) {
  if (!error.code?.startsWith('ERR_PARSE_ARGS_')) throw error;
  process.stderr.write(`bench ${suite}: ${error.message.split('\n')[0]}\n`);
  process.exitCode = 2;
}
