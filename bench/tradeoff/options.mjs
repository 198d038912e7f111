// What the suites that measure over links are told:
//   IMAGE|DIR... and --traces DIR   images of yours instead of the workloads that any clone has
//   --workload NAME|all             only this one, or besides those images; may be repeated
//   --strategy NAME|FILE            one more strategy: a known one, or a module that exports one; may be repeated
//   --link RATE                     100Mbit, 2.5Gbit, …; may be repeated
//   --images N, --mebibytes N       at most so many snapshots of a workload (3), of about this size (64) where it is made
//   --runs N, --threads N, --quick, --json FILE
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { badOption, checkedOption, wholeNumber } from '../kernels/suite.mjs';
import { chooseWorkloads } from '../workloads/index.mjs';

const TEXT = { type: 'string' };
const TEXTS = { type: 'string', multiple: true };
/** Small guests, where a run is only to show that all works. */
const QUICK_MEBIBYTES = 8;

/** `defaults`: `{ links, runs }`, of which `--quick` takes one run. */
export async function readLinkOptions(argv, defaults) {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      json: TEXT,
      traces: TEXT,
      workload: TEXTS,
      strategy: TEXTS,
      link: TEXTS,
      runs: TEXT,
      threads: TEXT,
      images: TEXT,
      mebibytes: TEXT,
    },
  });
  const { quick, json, traces } = values;
  const links = [];
  for (const text of values.link ?? defaults.links)
    links.push({ text, bitsPerSecond: await checkedOption('link', text, 'bitRate') });
  return {
    quick,
    json,
    workloads: chooseWorkloads({ names: values.workload, paths: positionals, traces, quick }),
    links: links.sort((a, b) => a.bitsPerSecond - b.bitsPerSecond),
    strategies: await Promise.all((values.strategy ?? []).map(ownStrategy)),
    rounds: wholeNumber('runs', values.runs, quick ? 1 : defaults.runs),
    threads: wholeNumber('threads', values.threads, 2),
    most: wholeNumber('images', values.images, 3),
    mebibytes: wholeNumber('mebibytes', values.mebibytes, quick ? QUICK_MEBIBYTES : 64),
  };
}

/** `name:of:a:strategy`, or a module that exports one. */
async function ownStrategy(text) {
  if (!/\.[cm]?js$/.test(text)) {
    await checkedOption('strategy', text, 'strategy');
    return { name: text, strategy: text };
  }
  const exports = await import(pathToFileURL(text).href).catch((error) => {
    throw badOption(`--strategy: ${error.message}`);
  });
  const strategy = Object.values(exports).find((value) => typeof value?.choose === 'function');
  if (!strategy) throw badOption(`--strategy: ${text} exports no strategy, an object with "choose"`);
  return { name: strategy.name ?? text, strategy };
}
