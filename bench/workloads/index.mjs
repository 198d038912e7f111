// Workloads of the suites that measure over links: `{ name, description, images(options), unavailable?() }`.
// `images` yields `{ name, bytes }`, snapshots of one memory over time, of about `mebibytes` MiB each.
// `unavailable` returns the reason if the workload cannot run on this machine.
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

/** The process is first, so that its memory does not contain the other workloads. */
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

/** Return the selected workloads: only the files if there are any; `all` selects every built-in workload. */
export function chooseWorkloads({ names = [], paths = [], traces, quick }) {
  const files = fileWorkloads(paths, traces);
  if (names.length === 0) return files.length > 0 ? files : quick ? QUICK : WORKLOADS;
  const named = names.flatMap((name) => {
    const found = name === 'all' ? WORKLOADS : WORKLOADS.filter((workload) => workload.name === name);
    if (found.length > 0) return found;
    throw badOption(
      `--workload: "${name}" is not one of ${WORKLOADS.map((workload) => workload.name).join(', ')}, all`,
    );
  });
  return [...new Set([...named, ...files])];
}

/** Return the images of a workload, at most `maxImages`. */
export async function collectImages(workload, { mebibytes, maxImages = Infinity }) {
  const images = [];
  for await (const image of workload.images({ mebibytes })) if (images.push(image) === maxImages) break;
  return images;
}
