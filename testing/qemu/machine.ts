// One QEMU, under software emulation, with its QMP and its serial port.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { join } from 'node:path';
import { tinyFirmware } from './firmware.js';
import { type LinuxGuest, linuxArguments, QEMU } from './linux.js';
import { Qmp } from './qmp.js';

/** QEMU writes bytes per second; no limit that a test would meet. */
const NO_LIMIT = 10_000_000_000;

/**
 * In QEMU 7.2, a block of a multiple of 256 KiB loses writes when it is migrated from emulation: dirty bits
 * are then collected by 64 at once, and translations that let the guest write unseen stay as they are. Other
 * sizes are collected page by page, rightly.
 */
export const ODD_KIB = 8;

export interface MachineOptions {
  /** Its sockets and files go there; one folder can hold several machines of different names. */
  readonly folder: string;
  readonly name: string;
  /** And `ODD_KIB`. */
  readonly memoryMib: number;
  /** What runs in it: our firmware alone (the default), or Linux with the witness. */
  readonly linux?: LinuxGuest;
  /** Waits for a migration (`migrate-incoming`). */
  readonly incoming?: boolean;
  /** Does not start the guest. */
  readonly stopped?: boolean;
  /** "pc" unless given. */
  readonly machine?: string;
  readonly args?: readonly string[];
  /** What QEMU is started by: `ip netns exec NAME`. */
  readonly prefix?: readonly string[];
}

export interface MigrateOptions {
  readonly capabilities?: readonly string[];
  /** migrate-set-parameters; max-bandwidth is in bytes per second and has no limit unless given. */
  readonly parameters?: Record<string, unknown>;
}

/** query-migrate, as far as it is used. */
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
  /** Where it may listen for a migration: "unix:" and this. */
  readonly socket: string;
  alive(): boolean;
  /** All that the guest has written to the serial port. */
  serial(): string;
  setUp(options: MigrateOptions): Promise<void>;
  /** Listens; by then capabilities must be set. */
  listen(uri: string, options?: MigrateOptions): Promise<void>;
  /** Starts a migration; see `migrated`. */
  migrate(uri: string, options?: MigrateOptions): Promise<void>;
  /** Waits until the migration, in or out, is over. @throws Error when it failed, with QEMU's reason */
  migrated(): Promise<MigrationInfo>;
  /** The guest's memory from physical address 0 on, by QEMU's own hand; the guest should be stopped. */
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
  const [program, ...before] = [...(options.prefix ?? []), QEMU];
  const child = spawn(program!, [...before, ...machineArguments(options, control, serial, file('bios'))], {
    stdio: ['ignore', 'ignore', fs.openSync(errors, 'w')],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  const failed = new Promise<never>((_, reject) => child.once('error', reject));
  const dead = () =>
    child.exitCode === null && child.signalCode === null
      ? undefined
      : `QEMU ended: ${fs.readFileSync(errors)}`;
  const qmp = await Promise.race([Qmp.connect(control, dead), failed]);
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
  /** Events from before a migration tell nothing about it. */
  let from = 0;
  const setUp = async ({ capabilities = [], parameters = {} }: MigrateOptions) => {
    const on = capabilities.map((capability) => ({ capability, state: true }));
    if (on.length > 0) await qmp.execute('migrate-set-capabilities', { capabilities: on });
    await qmp.execute('migrate-set-parameters', parameters);
  };
  return {
    qmp,
    pid: child.pid!,
    socket: file('migration'),
    alive: () => child.exitCode === null && child.signalCode === null,
    serial: () => fs.readFileSync(serial, 'latin1'),
    setUp,
    async listen(uri, options = {}) {
      await setUp(options);
      from = qmp.events.length;
      await qmp.execute('migrate-incoming', { uri });
    },
    async migrate(uri, options = {}) {
      await setUp({ ...options, parameters: { 'max-bandwidth': NO_LIMIT, ...options.parameters } });
      from = qmp.events.length;
      await qmp.execute('migrate', { uri });
    },
    async migrated() {
      await qmp.event('MIGRATION', from, ({ status }) =>
        ['completed', 'failed', 'cancelled'].includes(status as string),
      );
      // The source still tidies up for a moment, and counts, when it says that it is done.
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
