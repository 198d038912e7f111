import { type CodecContext, createCodecContext } from '../../codec/codec.js';
import { codecByName } from '../../codec/registry.js';
import { PageIndex } from '../../dedup/page-index.js';
import { Arena, type Slots } from '../../kernels/arena.js';
import { LAYOUT } from '../../kernels/layout.generated.js';
import type { GuestSpec } from '../guest.js';
import { hashOf, Random } from '../random.js';
import { type Content, ContentMaker } from './content.js';
import { type Program, programGuest } from './program.js';

const PAGE = 4096;
const MIB = 1 << 20;
const MEMORY_BYTES = 32 * MIB;
/** Pages whose previous version the program keeps: half of its memory. */
const VERSION_PAGES = 4096;
/** Ring buffer of coded pages. */
const LOG_BYTES = 12 * MIB;
const INDEX_PAGES = 1 << 16;
const SKETCH_SLOTS = 1 << 16;
const PAGES_PER_STEP = 64;
/** Hot pages, and the share of stores that are of these. */
const HOT_PAGES = 256;
const HOT_SHARE = 0.7;
const KINDS: readonly Content[] = ['text', 'pointers', 'pointers', 'code', 'zero', 'random'];

/**
 * Create a guest from a WebAssembly program that every install has: pageferry's own kernels, in a memory of
 * 32 MiB. It archives the pages of a busy memory: it looks each page up, encodes it against its previous
 * version or alone, appends the result to a log and keeps the page. The same seed gives the same memory after
 * every step.
 */
export function wasmProgramGuest(name = 'kernels'): GuestSpec {
  return programGuest({ name, open: startKernels });
}

async function startKernels(seed: number): Promise<Program> {
  const arena = new Arena();
  const archive = new Archive(arena, seed);
  // The rest of the guest's memory is unused.
  arena.slot('unused memory', MEMORY_BYTES - arena.bytes - LAYOUT.SLOT_SLACK);
  const kernels = await arena.allocate();
  // Initially every page was stored once.
  for (let page = 0; page < VERSION_PAGES; page++) archive.store(page);
  return { memory: () => kernels.bytes, step: () => archive.step() };
}

/** The program: an archive of versions of pages. */
class Archive {
  private readonly content: ContentMaker;
  private readonly random: Random;
  private readonly index: PageIndex;
  private readonly versions = new Uint32Array(VERSION_PAGES);
  private readonly page: number;
  private readonly digest: number;
  private readonly previous: number;
  private readonly log: number;
  private logged = 0;
  private readonly codec: CodecContext;

  constructor(
    slots: Slots,
    private readonly seed: number,
  ) {
    this.codec = createCodecContext(slots, { hasZstd: false });
    this.content = new ContentMaker(seed, PAGE);
    this.random = new Random(seed);
    this.index = new PageIndex(slots, PAGE, INDEX_PAGES, SKETCH_SLOTS, 1);
    this.page = slots.slot('page', PAGE);
    this.digest = slots.slot('digest', 16);
    this.previous = slots.slot('last versions', VERSION_PAGES * PAGE);
    this.log = slots.slot('log', LOG_BYTES);
  }

  step(): void {
    const { random } = this;
    for (let n = 0; n < PAGES_PER_STEP; n++)
      this.store(random.below(random.next() < HOT_SHARE ? HOT_PAGES : VERSION_PAGES));
  }

  /** Store the next version of a page. */
  store(page: number): void {
    const { run, bytes } = this.codec.kernels;
    const version = this.versions[page]!++;
    const kind = KINDS[hashOf(hashOf(this.seed, page >>> 4), 3) % KINDS.length]!;
    this.content.fill(bytes.subarray(this.page, this.page + PAGE), kind, page, version);
    run.hash128(this.page, PAGE, 0, 0, this.digest);
    if (this.index.find(this.digest)) return;
    this.index.insert(this.digest, 0, page);
    this.index.insertSketch(this.page, 0, page);
    const at = this.previous + page * PAGE;
    if (version === 0 || !this.append('xbzrle', at)) this.append('lz4', 0);
    bytes.copyWithin(at, this.page, this.page + PAGE);
  }

  /** Append the encoded page to the log; return false if it is not smaller than the page. */
  private append(name: 'xbzrle' | 'lz4', base: number): boolean {
    if (this.logged + PAGE > LOG_BYTES) this.logged = 0;
    const coded = codecByName(name).encode!(this.codec, this.page, PAGE, this.log + this.logged, PAGE, base);
    if (coded < 0) return false;
    this.logged += coded;
    return true;
  }
}
