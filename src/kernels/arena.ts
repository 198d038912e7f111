// The kernels' memory: parts declare the slots that they need, then one allocation creates a memory of
// exactly their sum.
//
//     const arena = new Arena();
//     const page = arena.slot('page', 4096);                           // an address, usable after allocate()
//     const cache = arena.slot('page cache', bytes, 'cacheBytes');     // sized by an option: errors name it
//     const index = new PageIndex(arena, 4096, slots, sketches, 512);  // a part declares its own slots
//     const kernels = await arena.allocate();                          // the memory exists from here on
//     kernels.run.hash128(page, 4096, 0, 0, digest);
//
// Before `allocate()`, `arena.kernels` has no `run` and empty `bytes`: keep the object itself, do not
// destructure it early.
//
// To write a part: take a `Slots` in the constructor, keep `slots.kernels` and the addresses, and read or
// write the memory only in methods. What has to be in memory before the first method call is written by a
// function given to `slots.onAllocate`. A size that is known only later (the page size of a stream) is
// declared with its maximum.
import { PageferryError } from '../page/error.js';
import { createKernels, type KernelExports, type Kernels, MAX_MEMORY_BYTES } from './kernels.js';
import { LAYOUT } from './layout.generated.js';
import type { ZstdExports } from './zstd-exports.js';

const ALIGNMENT = 64;
const FIXED = 'fixed parts';

/** Declares slots in the kernels' memory. */
export interface Slots {
  /** The kernels; `run`, `bytes` and `words` are set when the memory is allocated. */
  readonly kernels: Kernels;
  /**
   * Declare a slot of `bytes` bytes and return its address: 64-byte aligned, and 64 bytes after its end are
   * readable. `option` is the user's option that sizes the slot; an error about too much memory names it.
   */
  slot(name: string, bytes: number, option?: string): number;
  /**
   * Call `fill` once the memory exists, in the order of the calls. A new memory holds zeros; a reused one may
   * hold anything.
   */
  onAllocate(fill: () => void): void;
}

/** The upper limit of an arena and the name of the option that sets it. */
export interface ArenaLimit {
  readonly bytes: number;
  readonly option: string;
}

/** Collects slots, then creates the kernels with one memory for all of them. */
export class Arena implements Slots {
  readonly kernels: Kernels;
  private readonly memory: ArenaKernels;
  private readonly needs = new Map<string, number>();
  private fills: (() => void)[] = [];
  private end: number = LAYOUT.HEAP_BASE;
  private state: 'declaring' | 'allocated' = 'declaring';

  /** `limit`: what the memory may take at most; default: 4 GiB, the limit of WebAssembly. */
  constructor(private readonly limit?: ArenaLimit) {
    this.memory = new ArenaKernels();
    this.kernels = this.memory;
  }

  /** Bytes that the slots so far need. */
  get bytes(): number {
    return this.end;
  }

  slot(name: string, bytes: number, option = FIXED): number {
    if (this.state !== 'declaring')
      throw new Error(`slot "${name}" is declared after the memory was allocated`);
    if (!(Number.isInteger(bytes) && bytes >= 0))
      throw new Error(`slot "${name}": expected a whole number of bytes, got ${bytes}`);
    const address = align(this.end);
    this.end = align(address + bytes + LAYOUT.SLOT_SLACK);
    this.needs.set(option, (this.needs.get(option) ?? 0) + this.end - address);
    return address;
  }

  onAllocate(fill: () => void): void {
    this.fills.push(fill);
  }

  /**
   * Create the memory and the kernels. `isShared`: the memory can be shared by threads.
   * @throws PageferryError `limit` that names the option that is too small or too large, or the address space
   * of the process
   */
  async allocate({ isShared }: { readonly isShared?: boolean } = {}): Promise<Kernels> {
    if (this.state !== 'declaring') throw new Error('the memory of this arena was allocated before');
    this.state = 'allocated';
    this.check();
    this.memory.take(await createKernels(this.end, { isShared }));
    for (const fill of this.fills) fill();
    this.fills = [];
    return this.kernels;
  }

  private check(): void {
    const limit = this.limit?.bytes ?? MAX_MEMORY_BYTES;
    if (this.end <= limit) return;
    const needs = [...this.needs].sort(([, a], [, b]) => b - a);
    const largest = needs.find(([option]) => option !== FIXED)?.[0];
    const parts = needs.map(([option, bytes]) => `${bytes} for ${option}`).join(', ');
    const remedies = [this.limit && `raise ${this.limit.option}`, largest && `lower ${largest}`];
    throw new PageferryError(
      'limit',
      `${this.limit?.option ?? largest ?? 'kernels'}: ${this.end} bytes of memory are needed, the limit is ${limit} ` +
        `(${parts}); ${remedies.filter(Boolean).join(' or ')}`,
    );
  }
}

/**
 * Kernels whose memory comes later, so that parts can keep a reference to them while they declare their
 * slots.
 */
class ArenaKernels implements Kernels {
  run!: KernelExports;
  zstd!: ZstdExports;
  memory!: WebAssembly.Memory;
  bytes: Uint8Array = new Uint8Array(0);
  words: Uint32Array = new Uint32Array(0);

  take({ run, zstd, memory, bytes, words }: Kernels): void {
    this.run = run;
    this.zstd = zstd;
    this.memory = memory;
    this.bytes = bytes;
    this.words = words;
  }
}

function align(address: number): number {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}
