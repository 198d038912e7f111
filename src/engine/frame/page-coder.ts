import type { CodecContext } from '../../codec/codec.js';
import { type Codec, codecByName, PAGE_CODECS } from '../../codec/registry.js';
import { badArgument } from '../../page/error.js';
import type { Choice, Strategy, StreamState, UniformChoice } from '../../strategy/strategy.js';
import { surveyPages } from '../threads/survey.js';
import type { Candidate } from './candidate.js';
import type { FrameBuilder, Holdable } from './frame-builder.js';
import { mainKindOf, type SegmentKind } from './frame-content.js';
import { pageClassOf } from './pack-draft.js';

const ZERO = codecByName('zero');
const FILL = codecByName('fill');
const SIMILAR = codecByName('similar');
const ZSTD = codecByName('zstd');
const FILL_CLASS = 0x100;
/** Segments of pages by their uniform choice. */
const UNIFORM_KINDS: Partial<Record<UniformChoice, SegmentKind>> = {
  raw: 'stored',
  lz4: 'lz4',
  zstd: 'zstd',
};
/** Above these ratios, to the page's bytes and to LZ4's bytes, the coded form of a page never saves bytes. */
const MAX_ALTERNATIVE_SHARE = 0.75;
const MAX_LZ4_RATIO = 1.5;

/** Context of coding single pages; the same for every page of a stream. */
export interface PageCoderContext {
  readonly codec: CodecContext;
  readonly pageBytes: number;
  readonly strategy: Strategy;
  readonly state: StreamState;
  readonly candidate: Candidate;
}

/** Survey of a run of pages: addresses of their classes (u16 a page) and digests (16 bytes a page). */
export interface SurveyedPages {
  readonly classes: number;
  readonly digests: number;
}

/** Surveys runs of pages, and adds pages to frames with the codec that the strategy chooses for each. */
export class PageCoder {
  private readonly groupKind: SegmentKind;
  private readonly codedKind: SegmentKind;
  private classes = 0;
  private memory: Holdable | undefined;

  constructor(private readonly context: PageCoderContext) {
    const { pack } = context.strategy;
    this.groupKind = mainKindOf(context.strategy);
    this.codedKind = pack ? 'coded' : 'stored';
  }

  /** Compute the classes and digests of `count` whole pages at `address`. */
  survey({ classes, digests }: SurveyedPages, address: number, count: number, zeroDigest: number): void {
    const { codec, pageBytes } = this.context;
    surveyPages(codec.kernels, address, count, pageBytes, classes, digests, zeroDigest);
    this.setPages({ classes, digests });
  }

  /** Set the surveyed pages of the following calls. `memory`: has them and is held; absent: copy them. */
  setPages({ classes }: SurveyedPages, memory?: Holdable): void {
    this.classes = classes;
    this.memory = memory;
  }

  /** Copy the following pages into their frame. */
  copyPages(): void {
    this.memory = undefined;
  }

  /** Whether a surveyed page is zero. */
  isZero(i: number): boolean {
    return this.classOf(i) === FILL_CLASS;
  }

  /** Whether a surveyed page repeats one byte. */
  isFill(i: number): boolean {
    return this.classOf(i) !== 0;
  }

  /** Return the byte that a surveyed page repeats, or -1. */
  fillOf(i: number): number {
    const fill = this.classOf(i);
    return fill === 0 ? -1 : fill & 0xff;
  }

  /** Add a surveyed page to the frame if it repeats one byte; return whether it does. */
  placeIfFill(frame: FrameBuilder, i: number): boolean {
    const fill = this.classOf(i);
    if (fill === 0) return false;
    if (fill === FILL_CLASS) this.placeFill(frame, 0);
    else this.placeFill(frame, fill & 0xff);
    return true;
  }

  /** Add a page that repeats `byte`. */
  placeFill(frame: FrameBuilder, byte: number): void {
    const codec: Codec = byte === 0 ? ZERO : FILL;
    if (byte === 0) frame.addRun(codec);
    else frame.addFill(codec, byte);
  }

  /** Add `count` zero pages as one run. */
  placeZeros(frame: FrameBuilder, count: number): void {
    frame.addRun(ZERO, count);
  }

  /** Add the page at `address`, to which `candidate` is set, with the codec that the strategy chooses. */
  placeChosen(frame: FrameBuilder, address: number): void {
    const { strategy, state, candidate } = this.context;
    const choice = strategy.choose(candidate, state);
    if (choice === 'best' && frame.isDraft) this.addBest(frame, address);
    else this.add(frame, choice === 'best' ? 'group' : choice, address);
  }

  private add(frame: FrameBuilder, choice: Exclude<Choice, 'best'>, address: number): void {
    const { candidate, pageBytes, state } = this.context;
    if (choice === 'zstd-page') {
      if (state.hasZstdPages) this.addAlone(frame, address);
      else this.append(frame, 'zstd', address, pageBytes);
      return;
    }
    if (choice === 'group' || choice === 'lz4' || choice === 'zstd') {
      this.append(frame, choice === 'group' ? this.groupKind : choice, address, pageBytes);
      return;
    }
    const bytes = choice === 'raw' ? Infinity : candidate.measure(choice);
    if (bytes === Infinity || bytes === 0) {
      this.append(frame, 'stored', address, pageBytes);
      return;
    }
    const codec = codecByName(choice);
    frame.addCoded(this.codedKind, codec, candidate.addressOf(choice), bytes, candidate.similarTo);
  }

  /** Add a page that zstd codes alone, to the stored segment. */
  private addAlone(frame: FrameBuilder, address: number): void {
    const { candidate, pageBytes } = this.context;
    const bytes = candidate.measure('zstd');
    if (bytes === Infinity) this.append(frame, 'stored', address, pageBytes);
    else frame.addCoded('stored', ZSTD, candidate.addressOf('zstd'), bytes, candidate.similarTo);
  }

  /** Add `count` pages at `address`, all with the same choice. */
  placeUniform(frame: FrameBuilder, choice: UniformChoice, address: number, count: number): void {
    const kind = choice === 'group' ? this.groupKind : UNIFORM_KINDS[choice];
    if (!kind)
      throw badArgument(
        `strategy "${this.context.strategy.name}": uniformChoice is ${choice}, expected group, raw, lz4 or zstd`,
      );
    this.append(frame, kind, address, count * this.context.pageBytes, count);
  }

  /** Add a page in two forms, coded in the fewest bytes and uncompressed; one form if no codec pays. */
  private addBest(frame: FrameBuilder, address: number): void {
    const { candidate, pageBytes, state } = this.context;
    let best: Codec | undefined;
    let bytes = pageBytes * MAX_ALTERNATIVE_SHARE;
    for (const codec of PAGE_CODECS) {
      const coded = candidate.measure(codec.name);
      if (coded >= bytes) continue;
      // The base is in zstd's window too, and zstd codes the changes in fewer bytes.
      if (codec === SIMILAR && state.hasZstd && frame.contains(candidate.similarTo)) continue;
      best = codec;
      bytes = coded;
    }
    const lz4Bytes = Math.min(candidate.measure('lz4'), pageBytes);
    if (!best || bytes === 0 || bytes > MAX_LZ4_RATIO * lz4Bytes) {
      this.append(frame, this.groupKind, address, pageBytes);
      return;
    }
    const pageClass = pageClassOf(best.wireId, bytes, lz4Bytes);
    const page = { address: candidate.addressOf(best.name), bytes, rawAddress: address, pageClass };
    frame.addEither(best, page, candidate.similarTo, this.memory);
  }

  /** Add uncompressed bytes to the group. */
  appendGroup(frame: FrameBuilder, address: number, bytes: number): void {
    this.append(frame, this.groupKind, address, bytes);
  }

  /** Add an uncompressed page to the stored segment. */
  appendStored(frame: FrameBuilder, address: number): void {
    this.append(frame, 'stored', address, this.context.pageBytes);
  }

  private append(frame: FrameBuilder, kind: SegmentKind, address: number, bytes: number, pages = 1): void {
    frame.addRaw(kind, address, bytes, this.memory, pages);
  }

  private classOf(i: number): number {
    const at = this.classes + 2 * i;
    const { bytes } = this.context.codec.kernels;
    return bytes[at]! | (bytes[at + 1]! << 8);
  }
}
