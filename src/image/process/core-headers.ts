import { endianness } from 'node:os';
import { PageferryError } from '../../page/error.js';
import { elfHeaders } from '../elf-core/write-headers.js';
import type { ProcessRegion } from './proc.js';

/** ELF machine numbers of Node's architectures. */
const MACHINES: Record<string, number> = {
  x64: 62,
  arm64: 183,
  riscv64: 243,
  loong64: 258,
  ppc64: 21,
  ia32: 3,
  arm: 40,
};

/** @throws PageferryError `unsupported` on a big-endian host */
export function checkEndianness(pid: number): void {
  if (endianness() !== 'LE')
    throw new PageferryError('unsupported', `pid ${pid}: only little-endian cores can be written`);
}

/** Create the headers of a process's core: the file up to its first memory. */
export function coreHeaders(regions: readonly ProcessRegion[]): Uint8Array {
  const segments = regions.map(({ address, bytes, permissions }) => ({
    vaddr: address,
    paddr: 0n,
    bytes,
    flags:
      (permissions[2] === 'x' ? 1 : 0) | (permissions[1] === 'w' ? 2 : 0) | (permissions[0] === 'r' ? 4 : 0),
  }));
  return elfHeaders(segments, MACHINES[process.arch] ?? 0);
}
