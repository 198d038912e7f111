import { badArgument, PageferryError } from '../../page/error.js';
import type { PageBytes } from '../../stream/format.js';
import { type Access, type Guest, type GuestSpec, NO_BLOCKS, STATE_BYTES } from '../guest.js';
import { addDiffering, Interval } from './interval.js';

/** A program in this process with its own memory. */
export interface Program {
  /** The memory, or a function that returns its current bytes; whole pages of 4 KiB. */
  readonly memory: WebAssembly.Memory | (() => Uint8Array);
  /** Run one step. Nothing else may write to the memory. */
  step(): void;
  /** Called at the end of the migration. */
  close?(): void;
}

/** Options of a guest made from a program. */
export interface ProgramOptions {
  /** Name of the guest. */
  readonly name: string;
  /** Start the program for one migration. The seed is the migration's and may be ignored. */
  open(seed: number): Program | Promise<Program>;
  /** Guest time of a step, in ms; default 100. */
  readonly stepMs?: number;
  /** Maximum memory, in pages of 4 KiB; default its size at the start. */
  readonly maxPages?: number;
  /** Registers and device state, in bytes; default 64 KiB. */
  readonly stateBytes?: number;
}

const PAGE: PageBytes = 4096;
const CHUNK_BYTES = 1024 * PAGE;

/**
 * Create a guest from a live program. When guest time enters a step, the program runs that step; every page
 * that then differs is written once, at a time within the step given by the seed, after reads of nearby
 * pages. A deterministic program gives a deterministic guest, however long its steps take.
 */
export function programGuest(options: ProgramOptions): GuestSpec {
  const { name, stepMs = 100, stateBytes = STATE_BYTES, maxPages = 0 } = options;
  if (!(stepMs > 0)) throw badArgument(`${name}: stepMs is ${stepMs}, expected more than 0`);
  return {
    name,
    async open(seed) {
      const program = await options.open(seed);
      const { memory } = program;
      const bytes = typeof memory === 'function' ? memory : () => new Uint8Array(memory.buffer);
      const start = bytes().length;
      if (start === 0 || start % PAGE !== 0)
        throw badArgument(`${name}: memory has ${start} bytes, expected whole pages of ${PAGE}`);
      const pages = Math.max(start / PAGE, maxPages);
      return new ProgramGuest({ name, program, bytes, pages, stepMs, stateBytes, seed });
    },
  };
}

interface ProgramSettings {
  readonly name: string;
  readonly program: Program;
  readonly bytes: () => Uint8Array;
  readonly pages: number;
  readonly stepMs: number;
  readonly stateBytes: number;
  readonly seed: number;
}

class ProgramGuest implements Guest {
  readonly name: string;
  readonly pageBytes = PAGE;
  readonly scale = 1;
  readonly pages: number;
  readonly stateBytes: number;
  readonly blockOf = NO_BLOCKS.blockOf;
  readonly readBlock = NO_BLOCKS.readBlock;
  private readonly copy: Uint8Array;
  /** Pages of the program's memory now; the others are free. */
  private usedPages: number;
  private number = -1;
  private interval: Interval | undefined;

  constructor(private readonly settings: ProgramSettings) {
    const { name, bytes, pages, stateBytes } = settings;
    this.name = name;
    this.pages = pages;
    this.stateBytes = stateBytes;
    this.copy = new Uint8Array(pages * PAGE);
    this.usedPages = bytes().length / PAGE;
    this.copy.set(bytes());
  }

  run(toMs: number, access: Access): number {
    for (;;) {
      // The program does not run between steps, so its memory is what was written.
      const reached = this.interval?.run(toMs, access, (page) => {
        const at = page * PAGE;
        this.copy.set(this.settings.bytes().subarray(at, at + PAGE), at);
      });
      if (reached !== undefined) return reached;
      if ((this.number + 1) * this.settings.stepMs >= toMs) return toMs;
      this.step();
    }
  }

  read(page: number, into: Uint8Array): void {
    into.set(this.copy.subarray(page * PAGE, (page + 1) * PAGE));
  }

  isAllocated(page: number): boolean {
    return page < this.usedPages;
  }

  readKept(): boolean {
    return false;
  }

  close(): void {
    this.settings.program.close?.();
  }

  private step(): void {
    const { name, program, bytes, pages, seed, stepMs: ms } = this.settings;
    program.step();
    this.number++;
    const now = bytes();
    if (now.length < this.usedPages * PAGE || now.length > pages * PAGE || now.length % PAGE !== 0)
      throw new PageferryError(
        'limit',
        `${name}: memory has ${now.length} bytes after step ${this.number + 1}, ` +
          `expected ${this.usedPages * PAGE} … ${pages * PAGE} (maxPages ${pages})`,
      );
    this.usedPages = now.length / PAGE;
    const changed: number[] = [];
    for (let at = 0; at < now.length; at += CHUNK_BYTES) {
      const end = Math.min(at + CHUNK_BYTES, now.length);
      addDiffering(changed, this.copy.subarray(at, end), now.subarray(at, end), PAGE, at / PAGE);
    }
    this.interval = new Interval({ seed, number: this.number, ms, changed, pages: this.usedPages });
  }
}
