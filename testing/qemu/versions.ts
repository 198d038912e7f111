// The QEMUs that tests run: the installed one, and a newer one that is only unpacked.
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

export interface Qemu {
  readonly program: string;
  /** Arguments that come first: where its firmware is. */
  readonly args: readonly string[];
}

/** The installed QEMU (7.2 in Debian 12). */
export const INSTALLED_QEMU: Qemu = { program: 'qemu-system-x86_64', args: [] };

/**
 * The QEMU of PAGEFERRY_TEST_QEMU10: the path of a `qemu-system-x86_64` in the folder `usr/bin` of Debian's
 * packages qemu-system-x86, qemu-system-data and seabios, unpacked into one folder.
 */
export function newerQemu(): Qemu | undefined {
  const program = process.env.PAGEFERRY_TEST_QEMU10;
  if (!program) return undefined;
  const data = (name: string) => ['-L', resolve(program, '../../share', name)];
  return { program, args: [...data('qemu'), ...data('seabios')] };
}

/** Return the version that a QEMU prints. */
export function qemuVersion({ program }: Qemu = INSTALLED_QEMU): string | undefined {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return /version (\d+\.[\d.]*\d)/.exec(stdout ?? '')?.[1];
}

/** Return the reason why `newerQemu` cannot run here, or undefined if it can. */
export function newerQemuSkipReason(): string | undefined {
  const qemu = newerQemu();
  if (qemu === undefined) return 'PAGEFERRY_TEST_QEMU10 does not name a QEMU 10';
  const version = qemuVersion(qemu);
  if (version === undefined) return `${qemu.program} does not start`;
  return Number.parseInt(version, 10) >= 9 ? undefined : `${qemu.program} is QEMU ${version}, not 9 or later`;
}
