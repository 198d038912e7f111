// Clones of a QEMU guest from one template: its memory is a plain file, the file behind a mount, or a store
// behind a mount. The guest writes and checks pages, so that its first output needs its working set.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import {
  buildGuest,
  checkerReport,
  linuxSkipReason,
  makeTemplate,
  startClone,
  startMount,
  waitForChecks,
} from '../../build/internal.mjs';

const CHECKS = 2;
const POLL_MS = 2;

/** Print the rows of clones, of a guest of `memoryMib`; `cli`: path of the program. */
export async function measureClones(cli, folder, { memoryMib, runs, clones }) {
  const reason = linuxSkipReason();
  if (reason) {
    process.stdout.write(`clones: skipped: ${reason}\n`);
    return;
  }
  const linux = buildGuest(folder)({ mode: 'words' });
  const guest = { folder, memoryMib, linux };
  const { memory, state } = await makeTemplate({ ...guest, name: 'template' }, CHECKS);
  const imageBytes = fs.statSync(memory).size;
  const subjects = { 'plain file': undefined, 'uncompressed file, mounted': memory };
  for (const frameBytes of ['16K', '64K']) {
    const store = join(folder, `clones-${frameBytes}`);
    execFileSync(process.execPath, [cli, 'store', 'init', store, '--frame-bytes', frameBytes]);
    execFileSync(process.execPath, [cli, 'store', 'put', '-s', store, memory, '--name', 'template']);
    subjects[`store, frames of ${frameBytes}`] = store;
  }
  const start = (name, path) => startClone({ ...guest, name, memory: path, state });
  const results = new Map(Object.keys(subjects).map((name) => [name, []]));
  for (let run = 0; run < runs; run++)
    for (const [name, subject] of Object.entries(subjects))
      results.get(name).push(await oneClone(cli, folder, subject ?? memory, subject !== undefined, start));
  process.stdout.write(
    `\nclones of a guest of ${memoryMib} MiB         cont ms  first output ms  read of packs  decoded MB\n`,
  );
  for (const [name, all] of results) {
    const median = (of) => all.map(of).sort((a, b) => a - b)[all.length >> 1];
    const { packedBytes, decodedBytes } = all[0].report;
    const share = packedBytes === undefined ? '' : `${((100 * packedBytes) / imageBytes).toFixed(2)} %`;
    const decoded = decodedBytes === undefined ? '' : (decodedBytes / 1e6).toFixed(1);
    process.stdout.write(
      `${name.padEnd(38)}${median(({ contMs }) => contMs)
        .toFixed(0)
        .padStart(7)}` +
        `${median(({ outputMs }) => outputMs)
          .toFixed(0)
          .padStart(17)}${share.padStart(15)}${decoded.padStart(12)}\n`,
    );
  }
  await manyClones(cli, folder, join(folder, 'clones-16K'), clones, start);
}

/** Start a clone, and end it when it has printed its first line. */
async function oneClone(cli, folder, subject, isMounted, start) {
  const { path, close } = await opened(cli, folder, subject, isMounted);
  const { machine, ms } = await start('clone', path);
  const from = performance.now();
  while (checkerReport(machine.serial()).count === 0) await new Promise((done) => setTimeout(done, POLL_MS));
  const outputMs = ms + performance.now() - from;
  await machine.quit();
  return { contMs: ms, outputMs, report: await close() };
}

/** Compare what several clones decode with what one does, each until it has checked its memory. */
async function manyClones(cli, folder, store, clones, start) {
  const decoded = [];
  for (const count of [1, clones]) {
    const { path, close } = await opened(cli, folder, store, true);
    const machines = [];
    for (let n = 0; n < count; n++) machines.push((await start(`clone-${n}`, path)).machine);
    for (const machine of machines) await waitForChecks(machine, CHECKS + 1);
    for (const machine of machines) await machine.quit();
    decoded.push((await close()).decodedBytes);
  }
  const [one, many] = decoded;
  process.stdout.write(
    `${clones} clones decode ${(many / 1e6).toFixed(1)} MB, one ${(one / 1e6).toFixed(1)} MB: ${(many / one).toFixed(2)} x\n`,
  );
}

async function opened(cli, folder, subject, isMounted) {
  if (!isMounted) return { path: subject, close: async () => ({}) };
  const at = fs.mkdtempSync(join(folder, 'clone-mount-'));
  const mount = await startMount(cli, [subject, at, '--write-open']);
  const path = join(at, fs.readdirSync(at)[0]);
  return { path, close: async () => (await mount.close()).report };
}
