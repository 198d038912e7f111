// One QEMU process under software emulation (TCG), with QMP and a serial port.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { tinyFirmware } from './firmware.js';
import { type LinuxGuest, linuxArguments } from './linux.js';
import { Qmp } from './qmp.js';
import { INSTALLED_QEMU, type Qemu } from './versions.js';

/** Bytes per second; higher than any rate in a test. */
const NO_LIMIT = 10_000_000_000;

/**
 * Added to the guest's memory size. QEMU 7.2 under TCG loses writes when it migrates a block whose size is a
 * multiple of 256 KiB: it then collects 64 dirty bits at once without invalidating the translations through
 * which the guest writes. Blocks of other sizes are collected page by page, correctly.
 */
export const ODD_KIB = 8;

export interface MachineOptions {
  /** Folder of its sockets and files; machines of different names can share one. */
  readonly folder: string;
  readonly name: string;
  /** `ODD_KIB` is added to it. */
  readonly memoryMib: number;
  /** The guest's software (default: the firmware of firmware.ts alone). */
  readonly linux?: LinuxGuest;
  /** Whether it waits for a migration (`-incoming defer`). */
  readonly incoming?: boolean;
  /** Whether the guest's CPUs stay stopped. */
  readonly stopped?: boolean;
  /** Machine type (default: "pc"). */
  readonly machine?: string;
  readonly args?: readonly string[];
  /** Default: the installed one. */
  readonly qemu?: Qemu;
  /** Command that starts QEMU, such as `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
}

export interface MigrateOptions {
  readonly capabilities?: readonly string[];
  /** Arguments of migrate-set-parameters; max-bandwidth is in bytes per second (default: unlimited). */
  readonly parameters?: Record<string, unknown>;
}

/** The used part of query-migrate's result. */
export interface MigrationInfo {
  readonly status: string;
  readonly 'error-desc'?: string;
  readonly downtime?: number;
  readonly 'total-time'?: number;
  readonly ram?: Readonly<Record<string, number>>;
  readonly 'xbzrle-cache'?: Readonly<Record<string, number>>;
  readonly compression?: Readonly<Record<string, number>>;
}

export interface Machine {
  readonly qmp: Qmp;
  readonly pid: number;
  /** Path of a unix socket for its migrations, reserved for it. */
  readonly socket: string;
  isAlive(): boolean;
  /** Everything that the guest has written to the serial port. */
  serial(): string;
  setUp(options: MigrateOptions): Promise<void>;
  /** Sets the options, then listens for a migration. */
  listen(uri: string, options?: MigrateOptions): Promise<void>;
  /** Sets the options, then starts a migration; `migrated` waits for its end. */
  migrate(uri: string, options?: MigrateOptions): Promise<void>;
  /**
   * Waits for the end of the outgoing or incoming migration. @throws Error with QEMU's reason when it failed
   */
  migrated(): Promise<MigrationInfo>;
  /**
   * Reads guest memory from physical address 0 on (`pmemsave`); the guest has to be stopped for a consistent
   * copy.
   */
  memory(bytes: number): Promise<Buffer>;
  quit(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const file = (suffix: string) => join(options.folder, `${options.name}.${suffix}`);
  const [control, serial, errors] = [file('qmp'), file('serial'), file('stderr')];
  fs.writeFileSync(serial, '');
  const qemu = options.qemu ?? INSTALLED_QEMU;
  const [program, ...before] = [...(options.prefix ?? []), qemu.program, ...qemu.args];
  const child = spawn(program!, [...before, ...machineArguments(options, control, serial, file('bios'))], {
    stdio: ['ignore', 'ignore', fs.openSync(errors, 'w')],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const endReason = () =>
    child.exitCode === null && child.signalCode === null
      ? undefined
      : `QEMU ended: ${fs.readFileSync(errors)}`;
  const qmp = await Promise.race([Qmp.connect(control, endReason), failed]);
  await qmp.execute('migrate-set-capabilities', { capabilities: [{ capability: 'events', state: true }] });
  return machineOf(child, qmp, file, serial);
}

function machineArguments(
  { memoryMib, linux, incoming, stopped, machine = 'pc', args = [] }: MachineOptions,
  ...files: string[]
) {
  const [control, serial, bios] = files as [string, string, string];
  const guest = linux ? linuxArguments(linux) : ['-bios', bios];
  if (!linux) fs.writeFileSync(bios, tinyFirmware());
  return [
    ...[
      '-accel',
      'tcg',
      '-machine',
      machine,
      '-m',
      `${memoryMib * 1024 + ODD_KIB}k`,
      '-nodefaults',
      '-no-user-config',
      '-display',
      'none',
    ],
    ...['-serial', `file:${serial}`, '-qmp', `unix:${control},server=on,wait=off`, ...guest, ...args],
    ...(incoming ? ['-incoming', 'defer'] : []),
    ...(stopped ? ['-S'] : []),
  ];
}

function machineOf(child: ChildProcess, qmp: Qmp, file: (suffix: string) => string, serial: string): Machine {
  /** Index of the first event of the current migration. */
  let firstEvent = 0;
  const setUp = async ({ capabilities = [], parameters = {} }: MigrateOptions) => {
    const on = capabilities.map((capability) => ({ capability, state: true }));
    if (on.length > 0) await qmp.execute('migrate-set-capabilities', { capabilities: on });
    await qmp.execute('migrate-set-parameters', parameters);
  };
  return {
    qmp,
    pid: child.pid!,
    socket: file('migration'),
    isAlive: () => child.exitCode === null && child.signalCode === null,
    serial: () => fs.readFileSync(serial, 'latin1'),
    setUp,
    async listen(uri, options = {}) {
      await setUp(options);
      firstEvent = qmp.events.length;
      await qmp.execute('migrate-incoming', { uri });
    },
    async migrate(uri, options = {}) {
      await setUp({ ...options, parameters: { 'max-bandwidth': NO_LIMIT, ...options.parameters } });
      firstEvent = qmp.events.length;
      await qmp.execute('migrate', { uri });
    },
    async migrated() {
      await qmp.event('MIGRATION', firstEvent, ({ status }) =>
        ['completed', 'failed', 'cancelled'].includes(status as string),
      );
      // The source still cleans up and updates its counters after it has reported completion.
      while ((await qmp.execute<{ status: string }>('query-status')).status === 'finish-migrate')
        await new Promise((resolve) => setTimeout(resolve, 5));
      const info = await qmp.execute<MigrationInfo & Record<string, unknown>>('query-migrate');
      if (info.status !== 'completed')
        throw new Error(`migration ${info.status}: ${info['error-desc'] ?? 'no reason given'}`);
      return info;
    },
    async memory(bytes) {
      const path = file('memory');
      await qmp.execute('pmemsave', { val: 0, size: bytes, filename: path });
      const memory = fs.readFileSync(path);
      fs.rmSync(path);
      return memory;
    },
    async quit() {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      qmp.execute('quit').catch(() => {});
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 5000))]);
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await ended;
      }
      qmp.close();
    },
  };
}
