// Start clones of a running QEMU guest from one mounted snapshot. Its memory is decoded as the clones touch
// it, and the page cache keeps it for all of them. The first clone's working set is recorded, and read ahead
// for the others. Needs root, FUSE, QEMU, gcc and a kernel.
//
//   node examples/qemu-clones.mjs [CLONES]        (1 to 10, default: 10)
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pageferry, skipReason, startMount } from './support/mount-command.mjs';
import { buildInitramfs, findKernel, startGuest } from './support/qemu-guest.mjs';

const CHECKS = 3;
const clones = Number(process.argv[2] ?? 10);
if (!(Number.isInteger(clones) && clones >= 1 && clones <= 10)) throw new Error('CLONES: 1 to 10');
const noKernel = findKernel() ? undefined : 'no kernel: set PAGEFERRY_TEST_KERNEL';
const reason = skipReason(['qemu-system-x86_64', 'gcc']) ?? noKernel;
if (reason) console.log(`skipped: ${reason}`);
else await runClones();

async function runClones() {
  const folder = mkdtempSync(join(tmpdir(), 'pageferry-clones-'));
  const [store, path, trace] = ['store', 'mounted', 'trace'].map((name) => join(folder, name));
  try {
    const initramfs = buildInitramfs(folder);
    await keepTemplate({ folder, initramfs, store });
    mkdirSync(path);
    const options = { folder, initramfs, store, path };
    await mountAndStart({ ...options, numbers: [1], mountOptions: ['--record', trace] });
    pageferry('store', 'repack', 'template', '-s', store, '--trace', trace);
    const numbers = Array.from({ length: clones - 1 }, (_, i) => i + 2);
    if (clones > 1) await mountAndStart({ ...options, numbers, mountOptions: ['--prefetch', trace] });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Mount the store, start clones from it one after the other, let each check its memory, and unmount. */
async function mountAndStart({ folder, initramfs, store, path, numbers, mountOptions }) {
  const mount = await startMount(store, path, '--write-open', ...mountOptions);
  const guests = [];
  try {
    for (const n of numbers) {
      const memory = join(path, 'template.raw');
      const guest = await startGuest({ folder, name: `clone-${n}`, initramfs, memory, isClone: true });
      guests.push(guest);
      const start = performance.now();
      await guest.execute('migrate-incoming', { uri: `exec:cat ${join(path, 'template.state')}` });
      await guest.migrated();
      await guest.execute('cont');
      const ms = Math.round(performance.now() - start);
      await guest.checks(1);
      const outputMs = Math.round(performance.now() - start);
      const { first, last, bad } = await guest.checks(CHECKS);
      if (bad > 0) throw new Error(`clone ${n}: ${bad} bad pages`);
      console.log(
        `clone ${n}: cont returned after ${ms} ms, first output after ${outputMs} ms; checks ${first} to ${last}: no bad page`,
      );
    }
  } finally {
    for (const guest of guests) await guest.quit();
    const { decodedBytes, bytesRead, failedReads } = await mount.close();
    console.log(
      `${mountOptions[0]}: ${decodedBytes} bytes decoded, ${bytesRead} read, ${failedReads} failed reads`,
    );
  }
}

/** Run the template until it has checked its memory, stop it, and keep its memory and state in a store. */
async function keepTemplate({ folder, initramfs, store }) {
  const [memory, state] = [join(folder, 'template.ram'), join(folder, 'template.state')];
  const guest = await startGuest({ folder, name: 'template', initramfs, memory, isClone: false });
  try {
    await guest.checks(CHECKS);
    await guest.execute('stop');
    await guest.execute('migrate', { uri: `exec:cat > ${state}` });
    await guest.migrated();
  } finally {
    await guest.quit();
  }
  pageferry('store', 'init', store);
  pageferry('store', 'put', '-s', store, memory, '--name', 'template', '--state', state);
  rmSync(memory); // the clones read the store only
}
