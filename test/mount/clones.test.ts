// Guests that run from a mounted snapshot, under emulation, and check their own memory. Skipped without QEMU,
// a kernel or FUSE.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { mountSkipReason, startMount } from '../../testing/mounts.js';
import { makeTemplate, startClone } from '../../testing/qemu/clones.js';
import { buildGuest, checkerReport, linuxSkipReason, waitForChecks } from '../../testing/qemu/linux.js';
import { CLI, done, folders } from '../cli/cli.js';

const reason = linuxSkipReason() ?? mountSkipReason();
if (reason) console.log(`clones: skipped: ${reason}`);
const newFolder = folders();
const MEMORY_MIB = 128;
const CHECKS = 3;

test.skipIf(reason)('clones of a guest run from one mount, and their memory is intact', async () => {
  const folder = newFolder();
  const linux = buildGuest(folder)({ mode: 'words' });
  const options = { folder, memoryMib: MEMORY_MIB, linux };
  const template = await makeTemplate({ ...options, name: 'template' }, CHECKS);
  const store = join(folder, 'store');
  const { memory, state } = template;
  await done(['store', 'init', store]);
  await done(['store', 'put', '-s', store, memory, '--name', 'template', '--state', state]);
  const imageBytes = fs.statSync(memory).size;
  fs.rmSync(memory);
  const path = newFolder();
  const trace = join(folder, 'trace');
  for (const argv of [
    ['--record', trace],
    ['--prefetch', trace],
  ]) {
    const mount = await startMount(CLI, [store, path, '--write-open', ...argv]);
    const names = argv[0] === '--record' ? ['first'] : ['second'];
    const [ram, devices] = [join(path, 'template.raw'), join(path, 'template.state')];
    const clones = [];
    for (const name of names)
      clones.push(await startClone({ ...options, name, memory: ram, state: devices }));
    for (const { machine } of clones) {
      await waitForChecks(machine, CHECKS + 3);
      expect(checkerReport(machine.serial())).toMatchObject({ bad: 0, details: [] });
      await machine.quit();
    }
    const { code, report, stderr } = await mount.close();
    expect({ code, stderr, failed: report.failedReads }).toEqual({ code: 0, stderr: '', failed: 0 });
    // The kernel reads 4 MiB around each page; the recorded pages are those that the guest has used.
    if (argv[0] === '--record') expect(report.bytesRead).toBeLessThan(imageBytes * 0.3);
  }
});
