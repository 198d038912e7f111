import { type CodecContext, createCodecContext } from '../../src/codec/codec.js';
import { packLz4 } from '../../src/codec/lz4.js';
import { STATUS } from '../../src/kernels/status.js';
import { BAND_BYTES, checkBands, guardedKernels, putBands } from './guarded.js';
import type { Subject } from './kernel-subjects.js';
import type { Dice } from './mutate.js';

const MEMORY_BYTES = 20 << 20;
const SLACK_BYTES = 64;
/** Bytes of the largest output of these tests: a segment of a little more than two blocks. */
export const OUT_BYTES = 140_000;
/** Longest input of these tests. */
export const SOURCE_BYTES = 200_000;
const STATUSES = new Set<number>(Object.values(STATUS));

/**
 * Runs kernels so that out-of-bounds accesses are detected: their output lies between canaries, their input
 * ends at the end of the memory.
 */
export class KernelRig {
  private constructor(
    private readonly codec: CodecContext,
    private readonly output: number,
    private readonly second: number,
    private readonly checkSlots: () => void,
  ) {}

  static async create(): Promise<KernelRig> {
    const { kernels, check } = await guardedKernels(MEMORY_BYTES);
    const codec = createCodecContext(kernels);
    const output = kernels.reserve(OUT_BYTES + 2 * BAND_BYTES + 64, 'the output buffer') + BAND_BYTES;
    return new KernelRig(codec, output, kernels.reserve(65536 + 64, 'the second source'), check);
  }

  /**
   * Decode twice, with different bytes after the input, in the output and in the scratch memory: the result
   * must not depend on them. Return the page or a status. @throws when a kernel breaks its contract
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
   * Encode into a buffer of exactly `capacity` bytes; return the encoded bytes or a status. @throws when the
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
    const out = this.output + (dice.oneIn(2) ? 0 : dice.below(64));
    putBands(memory, out, capacity);
    const status = subject.encode(this.codec, pageAt, page.length, out, capacity, baseAt);
    this.check(out, capacity);
    if (status > capacity || (status < 0 && status !== STATUS.OUTPUT_FULL))
      throw new Error(`encode returned ${status} for ${capacity}`);
    return status < 0 ? status : memory.slice(out, out + status);
  }

  /** Pack a segment as the engine does. */
  pack(segment: Uint8Array): Uint8Array {
    const { bytes: memory } = this.codec.kernels;
    const at = this.place(segment, true, 0);
    return memory.slice(this.output, this.output + packLz4(this.codec, at, segment.length, this.output));
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
    const out = this.output + offset;
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

  /** Store bytes at the end of the memory, where a read beyond their slack traps, or elsewhere. */
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
