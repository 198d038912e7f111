// A real guest whose CPUs are stopped: QEMU's own migration modes take CPU for the migration alone, and its
// stream is replayed through the agents.
import {
  buildProgram,
  cpuSeconds,
  GUEST_WORKLOAD,
  pagesOfStream,
  startMachine,
  waitForChecks,
} from '../../build/internal.mjs';

const PAGE_BYTES = 4096;
/** Checks of the guest's program until its memory is in use. */
const WARM_COUNT = 30;
const MODES = {
  'QEMU, plain': {},
  'QEMU, multifd': { capabilities: ['multifd'] },
  'QEMU, multifd-zstd': { capabilities: ['multifd'], parameters: { 'multifd-compression': 'zstd' } },
};

/**
 * Run a guest with `settings`, stop it, and record its migration stream in `path`. Return bytes of its pages,
 * and by mode the CPU seconds of both QEMUs and the wall seconds.
 */
export async function migrateStopped({ folder, settings, mebibytes, path, readFile }) {
  const linux = buildProgram(folder, GUEST_WORKLOAD)(settings);
  const machine = (name, more) => startMachine({ folder, name, memoryMib: mebibytes, linux, ...more });
  const source = await machine('source');
  try {
    await waitForChecks(source, WARM_COUNT);
    await source.qmp.execute('stop');
    await source.migrate(`exec:cat > ${path}`);
    await source.migrated();
    const pageBytes = pagesOfStream(readFile(path)) * PAGE_BYTES;
    const modes = {};
    for (const [name, mode] of Object.entries(MODES)) modes[name] = await migrate(source, machine, mode);
    return { pageBytes, modes };
  } finally {
    await source.quit();
  }
}

async function migrate(source, machine, { capabilities = [], parameters = {} }) {
  const destination = await machine('destination', { incoming: true });
  const cpu = () => [source, destination].map(({ pid }) => cpuSeconds(pid));
  try {
    await destination.listen(`unix:${destination.socket}`, { capabilities, parameters });
    // QEMU does not migrate a guest twice that a migration has stopped.
    await source.qmp.execute('cont');
    await source.qmp.execute('stop');
    const before = cpu();
    const startedAt = performance.now();
    await source.migrate(`unix:${destination.socket}`, { capabilities, parameters });
    await source.migrated();
    await destination.migrated();
    const [sourceS, destinationS] = cpu().map((seconds, i) => seconds - before[i]);
    return { source: sourceS, destination: destinationS, wallS: (performance.now() - startedAt) / 1000 };
  } finally {
    await destination.quit();
  }
}
