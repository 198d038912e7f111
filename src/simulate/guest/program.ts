import { PageferryError } from '../../page/error.js';
import type { PageBytes } from '../../stream/format.js';
import { type Access, type Guest, type GuestSpec, NO_BLOCKS, STATE_BYTES } from '../guest.js';
import { addDiffering, Interval } from './interval.js';

/** A program of this process, at work in a memory of its own. */
export interface Program {
  /** Its memory, or what gives it as it is now; whole pages of 4 KiB. */
  readonly memory: WebAssembly.Memory | (() => Uint8Array);
  /** Has it work for a while. Nothing else may write to its memory. */
  step(): void;
  close?(): void;
}

/** How to play a program as a guest. */
export interface ProgramOptions {
  readonly name: string;
  /** Starts the program anew, for one migration; the seed is the migration's, and may be ignored. */
  open(seed: number): Program | Promise<Program>;
  /** Guest time that a step stands for; default 100 ms. */
  readonly stepMs?: number;
  /** Room to grow: most pages of 4 KiB that the memory may come to have; as many as it has at the start unless said. */
  readonly maxPages?: number;
  readonly stateBytes?: number;
}

const PAGE: PageBytes = 4096;
const CHUNK_BYTES = 1024 * PAGE;

/**
 * A live program as a guest. The guest's memory is a copy of the program's. When guest time enters a step, the program takes that step
 * for real; every page that differs afterwards is written once, at a time of the step that the seed gives, after reads close by. So a
 * program that does the same each time is a guest that does, however long its steps take.
 */
export function programGuest(options: ProgramOptions): GuestSpec {
  const { name, stepMs = 100, stateBytes = STATE_BYTES, maxPages = 0 } = options;
  if (!(stepMs > 0))
    throw new PageferryError('bad-argument', `${name}: stepMs is ${stepMs}, expected more than 0`);
  return {
    name,
    async open(seed) {
      const program = await options.open(seed);
      const { memory } = program;
      const bytes = typeof memory === 'function' ? memory : () => new Uint8Array(memory.buffer);
      const start = bytes().length;
      if (start === 0 || start % PAGE !== 0)
        throw new PageferryError(
          'bad-argument',
          `${name}: a memory of ${start} bytes, expected whole pages of ${PAGE}`,
        );
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
  readonly pagesEach = 1;
  readonly pages: number;
  readonly stateBytes: number;
  readonly blockOf = NO_BLOCKS.blockOf;
  readonly readBlock = NO_BLOCKS.readBlock;
  private readonly shadow: Uint8Array;
  /** Pages that the program's memory has now; those beyond are free. */
  private held: number;
  private number = -1;
  private interval: Interval | undefined;

  constructor(private readonly settings: ProgramSettings) {
    const { name, bytes, pages, stateBytes } = settings;
    this.name = name;
    this.pages = pages;
    this.stateBytes = stateBytes;
    this.shadow = new Uint8Array(pages * PAGE);
    this.held = bytes().length / PAGE;
    this.shadow.set(bytes());
  }

  run(toMs: number, access: Access): number {
    for (;;) {
      // The program stands still until its next step: what was written is what it has.
      const reached = this.interval?.run(toMs, access, (page) => {
        const at = page * PAGE;
        this.shadow.set(this.settings.bytes().subarray(at, at + PAGE), at);
      });
      if (reached !== undefined) return reached;
      if ((this.number + 1) * this.settings.stepMs >= toMs) return toMs;
      this.step();
    }
  }

  read(page: number, into: Uint8Array): void {
    into.set(this.shadow.subarray(page * PAGE, (page + 1) * PAGE));
  }

  isAllocated(page: number): boolean {
    return page < this.held;
  }

  kept(): boolean {
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
    if (now.length < this.held * PAGE || now.length > pages * PAGE || now.length % PAGE !== 0)
      throw new PageferryError(
        'limit',
        `${name}: after step ${this.number + 1} its memory has ${now.length} bytes, ` +
          `expected ${this.held * PAGE} … ${pages * PAGE} (maxPages ${pages})`,
      );
    this.held = now.length / PAGE;
    const changed: number[] = [];
    for (let at = 0; at < now.length; at += CHUNK_BYTES) {
      const end = Math.min(at + CHUNK_BYTES, now.length);
      addDiffering(changed, this.shadow.subarray(at, end), now.subarray(at, end), PAGE, at / PAGE);
    }
    this.interval = new Interval({ seed, number: this.number, ms, changed, pages: this.held });
  }
}
