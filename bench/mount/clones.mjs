// Clones of a QEMU guest from one template: its memory is a plain file, the file behind a mount, or a store
// behind a mount, also with a recorded working set. The guest writes and checks pages, so that its first
// output needs its working set.
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
  const start = (name, path) => startClone({ ...guest, name, memory: path, state });
  const program = { cli, folder, start };
  const subjects = {
    'plain file': { source: memory, isMounted: false },
    'uncompressed file, mounted': { source: memory },
  };
  for (const frameBytes of ['16K', '64K'])
    subjects[`store, frames of ${frameBytes}`] = { source: makeStore(program, memory, frameBytes) };
  Object.assign(subjects, await tracedSubjects(program, memory));
  const results = new Map(Object.keys(subjects).map((name) => [name, []]));
  for (let run = 0; run < runs; run++)
    for (const [name, subject] of Object.entries(subjects))
      results.get(name).push(await oneClone(program, subject));
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
  await manyClones(program, join(folder, 'clones-16K'), clones);
}

function makeStore({ cli, folder }, memory, frameBytes, name = `clones-${frameBytes}`) {
  const store = join(folder, name);
  execFileSync(process.execPath, [cli, 'store', 'init', store, '--frame-bytes', frameBytes]);
  execFileSync(process.execPath, [cli, 'store', 'put', '-s', store, memory, '--name', 'template']);
  return store;
}

/** Record the working set of a clone, and use it: with the same store, and with one that is repacked. */
async function tracedSubjects(program, memory) {
  const { cli, folder } = program;
  const trace = join(folder, 'clone.trace');
  const source = join(folder, 'clones-16K');
  await oneClone(program, { source, argv: ['--record', trace] });
  const repacked = makeStore(program, memory, '16K', 'clones-repacked');
  execFileSync(process.execPath, [cli, 'store', 'repack', 'template', '-s', repacked, '--trace', trace]);
  const argv = ['--prefetch', trace];
  return {
    '16K, --prefetch': { source, argv },
    '16K, repacked, --prefetch': { source: repacked, argv },
    '16K, repacked, prefetched before': { source: repacked, argv, isPrefetched: true },
  };
}

/** Start a clone, and end it when it has printed its first line. */
async function oneClone(program, subject) {
  const { path, close } = await opened(program, subject);
  const { machine, ms } = await program.start('clone', path);
  const from = performance.now();
  while (checkerReport(machine.serial()).count === 0) await new Promise((done) => setTimeout(done, POLL_MS));
  const outputMs = ms + performance.now() - from;
  await machine.quit();
  return { contMs: ms, outputMs, report: await close() };
}

/** Compare what several clones decode with what one does, each until it has checked its memory. */
async function manyClones(program, source, clones) {
  const decoded = [];
  for (const count of [1, clones]) {
    const { path, close } = await opened(program, { source });
    const machines = [];
    for (let n = 0; n < count; n++) machines.push((await program.start(`clone-${n}`, path)).machine);
    for (const machine of machines) await waitForChecks(machine, CHECKS + 1);
    for (const machine of machines) await machine.quit();
    decoded.push((await close()).decodedBytes);
  }
  const [one, many] = decoded;
  process.stdout.write(
    `${clones} clones decode ${(many / 1e6).toFixed(1)} MB, one ${(one / 1e6).toFixed(1)} MB: ${(many / one).toFixed(2)} x\n`,
  );
}

/** `isPrefetched`: wait until the pages of the trace are in the page cache. */
async function opened({ cli, folder }, { source, argv = [], isMounted = true, isPrefetched = false }) {
  if (!isMounted) return { path: source, close: async () => ({}) };
  const at = fs.mkdtempSync(join(folder, 'clone-mount-'));
  const mount = await startMount(cli, [source, at, '--write-open', ...argv]);
  while (isPrefetched && !mount.lines.some((line) => line.includes('prefetchedBytes')))
    await new Promise((done) => setTimeout(done, POLL_MS));
  const path = join(at, fs.readdirSync(at)[0]);
  return { path, close: async () => (await mount.close()).report };
}
