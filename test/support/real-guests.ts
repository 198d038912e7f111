// Real QEMUs with agents between them: a guest with Linux that checks its own memory, under emulation.
import fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, onTestFailed } from 'vitest';
import {
  buildGuest,
  checkerReport,
  type LinuxGuest,
  linuxSkipReason,
  waitForChecks,
} from '../../testing/qemu/linux.js';
import type { Machine } from '../../testing/qemu/machine.js';
import { type Pair, startPair } from '../../testing/qemu/pair.js';
import { INSTALLED_QEMU, newerQemu, newerQemuSkipReason, type Qemu } from '../../testing/qemu/versions.js';
import { type Change, Middle, UNITS } from '../channel/relay.js';
import { type Agents, startAgents } from './agents.js';

export const MEMORY_MIB = 128;
const lack = linuxSkipReason();

/** Each QEMU that migrates guests here, and the reason why it cannot. */
export const QEMUS: readonly [name: string, qemu: Qemu | undefined, lack: string | undefined][] = [
  ['the installed QEMU', INSTALLED_QEMU, lack],
  ['QEMU 10', newerQemu(), lack ?? newerQemuSkipReason()],
];

/** Return a list of what is closed after each test, in reverse order. */
export function closedAfterEach(): { close(): unknown }[] {
  const open: { close(): unknown }[] = [];
  afterEach(async () => {
    // All of them, whatever fails: a QEMU that is left would take the CPU of later tests.
    const failures: unknown[] = [];
    for (const one of open.splice(0).reverse()) {
      try {
        await one.close();
      } catch (cause) {
        failures.push(cause);
      }
    }
    if (failures.length > 0) throw failures[0];
  });
  return open;
}

/** Build the guest; undefined where no QEMU can run it. */
export function checkerGuest(folder: string): LinuxGuest | undefined {
  return lack === undefined ? buildGuest(folder)() : undefined;
}

export interface ReadyOptions {
  readonly folder: string;
  readonly linux: LinuxGuest;
  readonly qemu: Qemu;
  /** Changes what the agents send each other. */
  readonly change?: Change;
  readonly kept?: 'secure' | 'insecure';
  readonly strategy?: string;
  /** Collects what has to be closed after the test, in reverse order. */
  readonly open: { close(): unknown }[];
}

export interface Ready {
  readonly pair: Pair;
  readonly agents: Agents;
  readonly link: Middle;
  /** Set the QEMU of later migrations. */
  pointTo(destination: Machine): void;
}

/** Start two QEMUs and two agents, and wait until the guest checks its memory. */
export async function startReady({ folder, linux, qemu, open, ...options }: ReadyOptions): Promise<Ready> {
  const { change, kept = 'insecure', strategy = 'adaptive' } = options;
  const pair = await startPair({ folder, memoryMib: MEMORY_MIB, linux, qemu });
  open.push({ close: () => pair.quit() });
  // A QEMU removes its socket when it ends, also where another one listens at the same path.
  const path = join(folder, 'destination');
  const pointTo = ({ socket }: Machine) => {
    fs.rmSync(path, { force: true });
    fs.symlinkSync(socket, path);
  };
  pointTo(pair.destination);
  let link!: Middle;
  const agents = await startAgents({
    folder,
    ...{ kept, strategy },
    qemu: { path },
    threads: 2,
    async between(port) {
      link = await Middle.before(port, UNITS[kept], change);
      open.push(link);
      return link.port;
    },
  });
  open.push(agents);
  onTestFailed(({ task }) => {
    const { source, destination } = agents;
    const errors = task.result?.errors?.map(({ message }) => message).join('; ');
    process.stderr.write(
      `${errors}\nsource agent:\n${source.text}\ndestination agent:\n${destination.text}\n`,
    );
  });
  await waitForChecks(pair.source, 3);
  return { pair, agents, link, pointTo };
}

/** Expect that the guest continues on the destination, and that its memory is intact on both sides. */
export async function expectGoesOn(pair: Pair, count: number): Promise<void> {
  await waitForChecks(pair.destination, count + 5);
  expect(checkerReport(pair.destination.serial())).toMatchObject({ bad: 0, details: [] });
  expect(checkerReport(pair.source.serial())).toMatchObject({ bad: 0, details: [] });
}
