import { PageferryError } from '../page/error.js';
import type { PageSink } from '../page/source.js';
import type { Addressing } from './container/description.js';
import { type MemoryRanges, rangesBytes } from './container/range-table.js';

/** Description of an image before its pages arrive. */
export interface OutputMemory {
  /** Name of the image, for messages. */
  readonly name: string;
  /** The image's addresses, in its order; empty: none are known. */
  readonly ranges: MemoryRanges;
  readonly addressing: Addressing;
  /** Number of the processor's architecture in ELF (`e_machine`); 0: unknown. */
  readonly machine: number;
  /** Name of the format of the file that was packed; "raw" for plain memory. */
  readonly format: string;
  /** Size of the image; undefined if it is known at its end. */
  readonly bytes: number | undefined;
  /** Notes of a little-endian ELF64 core: registers, VMCOREINFO; empty if there are none. */
  readonly notes: Uint8Array;
}

/** A format that the memory of an image can be written in (`unpack --as NAME`). */
export interface OutputForm {
  /** Value of `--as`. */
  readonly name: string;
  /** File name extension. */
  readonly extension: string;
  /** Description for the help text: a noun phrase. */
  readonly summary: string;
  /**
   * Create the sink that takes the image and writes the form to `file`, which takes bytes in any order. The
   * image's bytes arrive in ascending order, and can be read back. The size is known at `finish`.
   * @throws PageferryError `unsupported` or `limit` for memory that the form cannot hold
   */
  create(file: PageSink, memory: OutputMemory): PageSink;
}

/**
 * The physical addresses of an image, in its order; plain memory is one range from address 0 on, of the bytes
 * that the image has. @throws PageferryError `unsupported` if they are not known, `bad-stream`
 */
export function physicalRanges(memory: OutputMemory, bytes: number): MemoryRanges {
  checkPhysical(memory);
  const { name, ranges } = memory;
  if (ranges.length === 0) return [{ address: 0n, bytes }];
  const addressed = rangesBytes(ranges);
  if (addressed === bytes) return ranges;
  throw new PageferryError('bad-stream', `${name}: addresses for ${addressed} bytes, the image has ${bytes}`);
}

/** @throws PageferryError `unsupported` for memory whose physical addresses are not known */
export function checkPhysical({ name, ranges, addressing, format }: OutputMemory): void {
  const problem =
    ranges.length === 0
      ? format !== 'raw' &&
        `the physical addresses of the memory in a file of the format ${format} are not known (docs/images/qemu-migration.md says when they are)`
      : addressing === 'virtual' && 'its memory is that of a process, which has virtual addresses only';
  if (problem)
    throw new PageferryError('unsupported', `${name}: ${problem}; write it with --as elf or --as raw`);
}
