// Options of the suites that measure over links:
//   IMAGE|DIR..., --traces DIR   own images instead of the built-in workloads
//   --workload NAME|all          only this workload, or in addition to own images; may be repeated
//   --strategy NAME|FILE         one more strategy: a name, or a module that exports one; may be repeated
//   --link RATE                  100Mbit, 2.5Gbit, …; may be repeated
//   --images N                   maximum number of snapshots per workload (default: 3)
//   --mebibytes N                approximate size of a synthetic snapshot (default: 64)
//   --runs N, --threads N, --quick, --json FILE
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { badOption, checkedOption, wholeNumber } from '../kernels/suite.mjs';
import { chooseWorkloads } from '../workloads/index.mjs';

const TEXT = { type: 'string' };
const TEXTS = { type: 'string', multiple: true };
/** Size of a snapshot with --quick. */
const QUICK_MEBIBYTES = 8;

/** Parse the options. `defaults`: `{ links, runs }`; with `--quick` runs is 1. */
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
    links.push({ text, bitsPerSecond: checkedOption('link', text) });
  return {
    quick,
    json,
    workloads: chooseWorkloads({ names: values.workload, paths: positionals, traces, quick }),
    links: links.sort((a, b) => a.bitsPerSecond - b.bitsPerSecond),
    strategies: await Promise.all((values.strategy ?? []).map(ownStrategy)),
    rounds: wholeNumber('runs', values.runs, quick ? 1 : defaults.runs),
    threads: wholeNumber('threads', values.threads, 2),
    maxImages: wholeNumber('images', values.images, 3),
    mebibytes: wholeNumber('mebibytes', values.mebibytes, quick ? QUICK_MEBIBYTES : 64),
  };
}

/** Return a strategy by its name, or the one that a module exports. */
async function ownStrategy(text) {
  if (!/\.[cm]?js$/.test(text)) {
    checkedOption('strategy', text);
    return { name: text, strategy: text };
  }
  const exports = await import(pathToFileURL(text).href).catch((error) => {
    throw badOption(`--strategy: ${error.message}`);
  });
  const strategy = Object.values(exports).find((value) => typeof value?.choose === 'function');
  if (!strategy)
    throw badOption(`--strategy: ${text} exports no strategy (an object with a method "choose")`);
  return { name: strategy.name ?? text, strategy };
}
