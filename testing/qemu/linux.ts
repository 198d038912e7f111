// A guest that runs Linux and one statically linked program (guest-checker.c or guest-workload.c), without a
// shell or a disk.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { repositoryFile } from '../repository.js';
import { initramfs } from './initramfs.js';
import { INSTALLED_QEMU } from './versions.js';

/** Settings of guest-checker.c. */
export interface CheckerOptions {
  /** MiB of pages that the program writes and checks (default: 16); the kernel needs about 100 MiB more. */
  readonly mib?: number;
  /** What it rewrites: nothing, one word of a page, or whole pages (default: words). */
  readonly mode?: 'idle' | 'words' | 'fill';
  /** Default: 1000. */
  readonly pagesPerSecond?: number;
  readonly seed?: number;
}

export interface LinuxGuest {
  readonly kernel: string;
  readonly initramfs: string;
  readonly commandLine: string;
}

/** Sources of guest programs, for `buildProgram`. */
const GUEST_CHECKER = repositoryFile('testing/qemu/guest-checker.c');
export const GUEST_WORKLOAD = repositoryFile('testing/qemu/guest-workload.c');

const COMPILER = 'gcc';
/** Shorter than the time limit of a test, so that the error has the guest's last output. */
const CHECKS_MS = 90_000;
/** A quick boot, and a serial port that carries only the program's output. */
const COMMAND_LINE =
  'console=ttyS0 quiet panic=-1 nokaslr no_timer_check tsc=reliable random.trust_bootloader=on 8250.nr_uarts=1';

/** Return the reason why QEMU cannot run here, or undefined if it can. */
export function qemuSkipReason(): string | undefined {
  const { program } = INSTALLED_QEMU;
  return runs(program, '--version') ? undefined : `${program} is not installed`;
}

/** Return the reason why Linux cannot run in QEMU here, or undefined if it can. */
export function linuxSkipReason(): string | undefined {
  const reason = qemuSkipReason();
  if (reason !== undefined) return reason;
  if (kernelPath() === undefined)
    return 'no kernel: neither PAGEFERRY_TEST_KERNEL nor a readable /boot/vmlinuz-*';
  return runs(COMPILER, '--version') ? undefined : `${COMPILER} is not installed`;
}

/** Return PAGEFERRY_TEST_KERNEL, or the newest kernel in /boot. */
export function kernelPath(): string | undefined {
  const named = process.env.PAGEFERRY_TEST_KERNEL;
  if (named) return isReadable(named) ? named : undefined;
  if (!fs.existsSync('/boot')) return undefined;
  return fs
    .readdirSync('/boot')
    .filter((name) => name.startsWith('vmlinuz-'))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }))
    .map((name) => join('/boot', name))
    .find(isReadable);
}

/**
 * Compile the checker into an initramfs in `folder`. The result makes guests, each with settings of its own.
 */
export function buildGuest(folder: string): (options?: CheckerOptions) => LinuxGuest {
  const make = buildProgram(folder, GUEST_CHECKER);
  return ({ mib = 16, mode = 'words', pagesPerSecond = 1000, seed = 1 } = {}) =>
    make(`checker_mib=${mib} checker_mode=${mode} checker_rate=${pagesPerSecond} checker_seed=${seed}`);
}

/** Compile a program that runs in a guest, and return its path in `folder`. */
export function compileProgram(
  folder: string,
  source: string,
  linking: readonly string[] = ['-static'],
): string {
  const program = join(folder, 'program');
  const compiler = spawnSync(COMPILER, [...linking, '-O2', '-Wall', '-o', program, source], {
    encoding: 'utf8',
  });
  if (compiler.status !== 0) throw new Error(`${COMPILER}: ${compiler.stderr}`);
  return program;
}

/**
 * Compile a guest's only program into an initramfs in `folder`. Settings go on the kernel's command
 * line.
 */
export function buildProgram(folder: string, source: string): (settings: string) => LinuxGuest {
  const program = compileProgram(folder, source);
  const path = join(folder, 'initramfs');
  fs.writeFileSync(path, initramfs(fs.readFileSync(program)));
  const kernel = kernelPath();
  if (kernel === undefined) throw new Error(linuxSkipReason());
  return (settings) => ({ kernel, initramfs: path, commandLine: `${COMMAND_LINE} ${settings}` });
}

export function linuxArguments({ kernel, initramfs, commandLine }: LinuxGuest): string[] {
  return ['-kernel', kernel, '-initrd', initramfs, '-append', commandLine];
}

/**
 * Parse the checker's output: completed checks, bad pages found in all of them, and lines that report an
 * error.
 */
export function checkerReport(serial: string): { count: number; bad: number; details: string[] } {
  const lines = [...serial.matchAll(/^checker (\d+) (\d+)\r?$/gm)];
  return {
    count: Number(lines.at(-1)?.[1] ?? 0),
    bad: lines.reduce((sum, [, , bad]) => sum + Number(bad), 0),
    details: serial.match(/^(checker: .*|.*(?:Kernel panic|Oops|BUG:).*)$/gm) ?? [],
  };
}

/**
 * Wait until the checker has completed `count` checks. @throws Error when the guest reports an error or QEMU
 * ends
 */
export async function waitForChecks(
  machine: { serial(): string; isAlive(): boolean },
  count: number,
): Promise<void> {
  const latest = Date.now() + CHECKS_MS;
  for (;;) {
    const report = checkerReport(machine.serial());
    if (Date.now() > latest)
      throw new Error(
        `${report.count} of ${count} checks within ${CHECKS_MS / 1000} s: ${machine.serial().slice(-500)}`,
      );
    if (report.details.length > 0) throw new Error(report.details.slice(0, 3).join('; '));
    if (report.count >= count) return;
    if (!machine.isAlive()) throw new Error(`QEMU ended after ${report.count} checks`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function runs(program: string, argument: string): boolean {
  return spawnSync(program, [argument]).status === 0;
}

function isReadable(path: string): boolean {
  try {
    fs.accessSync(path, fs.constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
