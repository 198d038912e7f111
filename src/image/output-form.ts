import type { PageSink } from '../page/source.js';
import type { Addressing, MemoryRange } from './container/description.js';

/** What is known of an image before its pages arrive. */
export interface OutputMemory {
  /** Name of the image, for messages. */
  readonly name: string;
  /** The image's addresses, in its order; empty: one range from address 0 on. */
  readonly ranges: readonly MemoryRange[];
  readonly addressing: Addressing;
  /** Number of the processor's architecture in ELF (`e_machine`); 0: unknown. */
  readonly machine: number;
}

/** A format that the memory of an image can be written in (`unpack --as NAME`). */
export interface OutputForm {
  /** Value of `--as`. */
  readonly name: string;
  /** File name extension. */
  readonly extension: string;
  /** What it is, for the help text: a noun phrase. */
  readonly summary: string;
  /**
   * Create the sink that takes the image and writes the form to `file`, which takes bytes in any order. The
   * image's bytes arrive in ascending order, and can be read back. The size is known at `finish`.
   * @throws PageferryError `unsupported` or `limit` for memory that the form cannot hold
   */
  create(file: PageSink, memory: OutputMemory): PageSink;
}
