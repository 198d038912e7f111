// A guest with Linux and one program, the witness (witness.c): nothing else is needed in it, not even a
// shell.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { initramfs } from './initramfs.js';

export interface WitnessOptions {
  /** Of the witness's pages; 16 unless given. The kernel needs some 100 MiB besides. */
  readonly mib?: number;
  /** What it writes: nothing, one word a page, or whole pages; words unless given. */
  readonly mode?: 'idle' | 'words' | 'fill';
  /** 1000 unless given. */
  readonly pagesPerSecond?: number;
  readonly seed?: number;
}

export interface LinuxGuest {
  readonly kernel: string;
  readonly initramfs: string;
  readonly commandLine: string;
}

export const QEMU = 'qemu-system-x86_64';
const COMPILER = 'gcc';
const witness = () => fileURLToPath(new URL('witness.c', import.meta.url));
/** Nothing that takes time at boot, nothing that is said besides what the witness says. */
const COMMAND_LINE =
  'console=ttyS0 quiet panic=-1 nokaslr no_timer_check tsc=reliable random.trust_bootloader=on 8250.nr_uarts=1';

/** Why tests with QEMU cannot run here; undefined where they can. */
export function qemuLack(): string | undefined {
  return runs(QEMU, '--version') ? undefined : 'qemu-system-x86_64 is not installed';
}

/** Why tests with Linux in QEMU cannot run here; undefined where they can. */
export function linuxLack(): string | undefined {
  const lack = qemuLack();
  if (lack !== undefined) return lack;
  if (kernelPath() === undefined)
    return 'no kernel: neither PAGEFERRY_TEST_KERNEL nor a readable /boot/vmlinuz-*';
  return runs(COMPILER, '--version') ? undefined : 'gcc is not installed';
}

/** PAGEFERRY_TEST_KERNEL, or the newest of /boot. */
function kernelPath(): string | undefined {
  const named = process.env.PAGEFERRY_TEST_KERNEL;
  const found = named
    ? [named]
    : fs.existsSync('/boot')
      ? fs.readdirSync('/boot').filter((name) => name.startsWith('vmlinuz-'))
      : [];
  const paths = named
    ? found
    : found.sort((a, b) => b.localeCompare(a, 'en', { numeric: true })).map((name) => join('/boot', name));
  return paths.find(readable);
}

/** Compiles the witness and packs it into `folder`; once for as many guests as are wanted. */
export function buildGuest(folder: string): (options?: WitnessOptions) => LinuxGuest {
  const make = buildProgram(folder, witness());
  return ({ mib = 16, mode = 'words', pagesPerSecond = 1000, seed = 1 } = {}) =>
    make(`witness_mib=${mib} witness_mode=${mode} witness_rate=${pagesPerSecond} witness_seed=${seed}`);
}

/**
 * @public Compiles a guest's only program, whose settings stand on the kernel's command line. (For the
 * benches too.)
 */
export function buildProgram(folder: string, source: string): (settings: string) => LinuxGuest {
  const program = join(folder, 'program');
  const made = spawnSync(COMPILER, ['-static', '-O2', '-Wall', '-o', program, source], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`gcc: ${made.stderr}`);
  const path = join(folder, 'initramfs');
  fs.writeFileSync(path, initramfs(fs.readFileSync(program)));
  const kernel = kernelPath();
  if (kernel === undefined) throw new Error(linuxLack());
  return (settings) => ({ kernel, initramfs: path, commandLine: `${COMMAND_LINE} ${settings}` });
}

export function linuxArguments({ kernel, initramfs, commandLine }: LinuxGuest): string[] {
  return ['-kernel', kernel, '-initrd', initramfs, '-append', commandLine];
}

/**
 * What the witness has said on the serial port: how often it has checked all pages, and how many were ever
 * bad.
 */
export function witnessReport(serial: string): { count: number; bad: number; details: string[] } {
  const lines = [...serial.matchAll(/^witness (\d+) (\d+)\r?$/gm)];
  return {
    count: Number(lines.at(-1)?.[1] ?? 0),
    bad: lines.reduce((sum, [, , bad]) => sum + Number(bad), 0),
    details: serial.match(/^(witness: .*|.*(?:Kernel panic|Oops|BUG:).*)$/gm) ?? [],
  };
}

/**
 * Waits until the witness has checked all pages so many times. @throws Error when the guest says that
 * something is wrong
 */
export async function witnessed(
  machine: { serial(): string; alive(): boolean },
  count: number,
): Promise<void> {
  for (;;) {
    const report = witnessReport(machine.serial());
    if (report.details.length > 0) throw new Error(report.details.slice(0, 3).join('; '));
    if (report.count >= count) return;
    if (!machine.alive()) throw new Error(`QEMU has ended after ${report.count} checks`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function runs(program: string, argument: string): boolean {
  return spawnSync(program, [argument]).status === 0;
}

function readable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
