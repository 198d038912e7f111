import { type CodecContext, createCodecContext } from '../../src/codec/codec.js';
import { packLz4 } from '../../src/codec/lz4.js';
import { STATUS } from '../../src/kernels/status.js';
import { BAND_BYTES, checkBands, guardedKernels, putBands } from './guarded.js';
import type { Subject } from './kernel-subjects.js';
import type { Dice } from './mutate.js';

const MEMORY_BYTES = 1 << 20;
const SLACK_BYTES = 64;
/** Room for any output of these tests: a segment of two blocks and a bit. */
export const OUT_BYTES = 140_000;
/** Longest input of these tests. */
export const SOURCE_BYTES = 200_000;
const STATUSES = new Set<number>(Object.values(STATUS));

/**
 * Runs kernels so that mistakes show: canaries around what they write, the memory's end right behind what
 * they read.
 */
export class KernelRig {
  private constructor(
    private readonly codec: CodecContext,
    private readonly room: number,
    private readonly second: number,
    private readonly checkSlots: () => void,
  ) {}

  static async create(): Promise<KernelRig> {
    const { kernels, check } = await guardedKernels(MEMORY_BYTES);
    const codec = createCodecContext(kernels);
    const room = kernels.reserve(OUT_BYTES + 2 * BAND_BYTES + 64, 'the output room') + BAND_BYTES;
    return new KernelRig(codec, room, kernels.reserve(65536 + 64, 'the second source'), check);
  }

  /**
   * Decodes twice, with other bytes behind the input, before it in the output and in the scratch: nothing may
   * depend on them. Returns the page, or a status. @throws when a kernel breaks its contract
   */
  decode(
    decode: Subject['decode'],
    coded: Uint8Array,
    pageBytes: number,
    base: Uint8Array | undefined,
    dice: Dice,
  ): Uint8Array | number {
    const offset = dice.oneIn(2) ? 0 : dice.below(64);
    const first = this.decodeOnce(decode, coded, pageBytes, base, offset, 0);
    const second = this.decodeOnce(decode, coded, pageBytes, base, offset, 1 + dice.below(255));
    const same =
      typeof first === 'number'
        ? first === second
        : typeof second !== 'number' && Buffer.compare(first, second) === 0;
    if (!same) throw new Error('the result depends on bytes that are not its input');
    return first;
  }

  /**
   * Encodes with exactly `capacity` bytes of room; returns the coded bytes, or a status. @throws when the
   * contract is broken
   */
  encode(
    subject: Subject,
    page: Uint8Array,
    base: Uint8Array,
    capacity: number,
    dice: Dice,
  ): Uint8Array | number {
    const { bytes: memory } = this.codec.kernels;
    const pageAtEnd = !subject.delta || dice.oneIn(2);
    const pageAt = this.place(page, pageAtEnd, dice.word());
    const baseAt = this.place(base, !pageAtEnd, dice.word());
    const out = this.room + (dice.oneIn(2) ? 0 : dice.below(64));
    putBands(memory, out, capacity);
    const status = subject.encode(this.codec, pageAt, page.length, out, capacity, baseAt);
    this.check(out, capacity);
    if (status > capacity || (status < 0 && status !== STATUS.OUTPUT_FULL))
      throw new Error(`encode returned ${status} for ${capacity}`);
    return status < 0 ? status : memory.slice(out, out + status);
  }

  /** A segment as the engine packs it. */
  pack(segment: Uint8Array): Uint8Array {
    const { bytes: memory } = this.codec.kernels;
    const at = this.place(segment, true, 0);
    return memory.slice(this.room, this.room + packLz4(this.codec, at, segment.length, this.room));
  }

  private decodeOnce(
    decode: Subject['decode'],
    coded: Uint8Array,
    pageBytes: number,
    base: Uint8Array | undefined,
    offset: number,
    filler: number,
  ): Uint8Array | number {
    const { bytes: memory } = this.codec.kernels;
    const src = this.place(coded, true, filler);
    const out = this.room + offset;
    putBands(memory, out, pageBytes);
    memory.fill(filler, out, out + pageBytes);
    if (base) memory.set(base.subarray(0, pageBytes), out);
    if (filler % 8 === 1) memory.fill(filler, this.codec.wkdmScratch, this.codec.wkdmScratch + 134_400);
    const status = decode(this.codec, src, coded.length, out, pageBytes);
    this.check(out, pageBytes);
    if (Buffer.compare(memory.subarray(src, src + coded.length), coded) !== 0)
      throw new Error('wrote to its input');
    if (status !== pageBytes && !STATUSES.has(status))
      throw new Error(`decode returned ${status} for ${pageBytes} bytes`);
    return status < 0 ? status : memory.slice(out, out + pageBytes);
  }

  /** Puts bytes where reading more than the slack behind them traps, or elsewhere; returns where. */
  private place(content: Uint8Array, atEnd: boolean, filler: number): number {
    const { bytes: memory } = this.codec.kernels;
    const address = atEnd ? memory.length - SLACK_BYTES - content.length : this.second;
    memory.set(content, address);
    memory.fill(filler, address + content.length, address + content.length + SLACK_BYTES);
    return address;
  }

  private check(out: number, size: number): void {
    checkBands(this.codec.kernels.bytes, out, size, 'the output');
    this.checkSlots();
  }
}
