// What the trade-off is measured on. A workload is `{ name, what, images(options) }`: `images` gives `{ name,
// bytes }`, snapshots of one memory over time, about `mebibytes` each. `unavailable`, where there is one,
// says why this machine cannot have it.
import { badOption } from '../kernels/suite.mjs';
import { cacheHeavy } from './cache-heavy.mjs';
import { database } from './database.mjs';
import { encrypted } from './encrypted.mjs';
import { fileWorkloads } from './files.mjs';
import { idle } from './idle.mjs';
import { mixedDatabaseCache, mixedIdleEncrypted } from './mixed.mjs';
import { physics } from './physics.mjs';
import { ownProcess } from './process.mjs';
import { scripting } from './scripting.mjs';
import { writeHeavy } from './write-heavy.mjs';

/** The process comes first: it is not to be full of the others. */
const WORKLOADS = [
  ownProcess,
  database,
  scripting,
  physics,
  idle,
  cacheHeavy,
  writeHeavy,
  encrypted,
  mixedIdleEncrypted,
  mixedDatabaseCache,
];
const QUICK = [idle, mixedDatabaseCache];

/** What was asked for: files alone, where there are any; `all` are the workloads that any clone has. */
export function chooseWorkloads({ names = [], paths = [], traces, quick }) {
  const files = fileWorkloads(paths, traces);
  if (names.length === 0) return files.length > 0 ? files : quick ? QUICK : WORKLOADS;
  const named = names.flatMap((name) => {
    const found = name === 'all' ? WORKLOADS : WORKLOADS.filter((workload) => workload.name === name);
    if (found.length > 0) return found;
    throw badOption(
      `--workload: "${name}" is none of ${WORKLOADS.map((workload) => workload.name).join(', ')}, all`,
    );
  });
  return [...new Set([...named, ...files])];
}

/** All images of a workload, at most so many. */
export async function collectImages(workload, { mebibytes, most = Infinity }) {
  const images = [];
  for await (const image of workload.images({ mebibytes })) if (images.push(image) === most) break;
  return images;
}
