// Guests that start from a snapshot's memory file without reading it first: the file is mapped privately, and
// a page is read when the guest touches it. The state of the devices is in a file of its own.
import fs from 'node:fs';
import { join } from 'node:path';
import { type LinuxGuest, waitForChecks } from './linux.js';
import { type Machine, ODD_KIB, startMachine } from './machine.js';

interface CloneOptions {
  readonly folder: string;
  readonly name: string;
  readonly memoryMib: number;
  readonly linux: LinuxGuest;
}

/** QEMU leaves memory that is shared with a file out of a migration. */
const CAPABILITIES = ['x-ignore-shared'];

function backedBy(path: string, isShared: boolean, memoryMib: number) {
  const bytes = `${memoryMib * 1024 + ODD_KIB}k`;
  const backend = `memory-backend-file,id=ram0,size=${bytes},mem-path=${path},share=${isShared ? 'on' : 'off'}`;
  return { machine: 'pc,memory-backend=ram0', args: ['-object', backend] };
}

/**
 * Run a guest until it has checked its memory `checks` times, and stop it. Returns the file that is its
 * memory, and the one with the state of its devices.
 */
export async function makeTemplate(
  options: CloneOptions,
  checks: number,
): Promise<{ memory: string; state: string }> {
  const { folder, name, memoryMib } = options;
  const [memory, state] = [join(folder, `${name}.ram`), join(folder, `${name}.state`)];
  const machine = await startMachine({ ...options, ...backedBy(memory, true, memoryMib) });
  try {
    await waitForChecks(machine, checks);
    await machine.qmp.execute('stop');
    await machine.migrate(`exec:cat > ${state}`, { capabilities: CAPABILITIES });
    await machine.migrated();
  } finally {
    await machine.quit();
  }
  return { memory, state };
}

/** Start a guest from a memory file and a state; `cont` has returned when it resolves, after `ms`. */
export async function startClone(
  options: CloneOptions & { readonly memory: string; readonly state: string },
): Promise<{ machine: Machine; ms: number }> {
  const { memory, state, memoryMib } = options;
  if (!fs.existsSync(state)) throw new Error(`${state} does not exist`);
  const machine = await startMachine({ ...options, ...backedBy(memory, false, memoryMib), incoming: true });
  const startMs = performance.now();
  await machine.listen(`exec:cat ${state}`, { capabilities: CAPABILITIES });
  await machine.migrated();
  await machine.qmp.execute('cont');
  return { machine, ms: performance.now() - startMs };
}
