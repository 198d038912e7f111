import type { Slots } from '../../kernels/arena.js';
import { createYielder } from '../../page/sync.js';
import { SegmentBuffer } from '../pack/segment.js';
import { SegmentMemory } from '../pack/segment-memory.js';
import type { FrameContent } from './frame-content.js';
import type { Alternative, FrameDraft } from './frame-draft.js';
import { type FrameContext, type PackedContent, packContent, packSegment } from './pack-content.js';

/** Pages of each class that are packed in both forms to compare these. */
const TRIAL_PAGES = 64;
/**
 * Packed bytes of a page in its whole group, as a ratio of those in a trial, whose window has fewer pages.
 */
const GROUP_SHARE = 0.8;
/** Approximate bytes of a coded page in the table. */
const TABLE_BYTES = 3;
/** Frames of up to this size are packed in three forms: chosen by class, no page coded, all coded. */
const MAX_COMPARED_BYTES = 8 << 20;
/** Classes by the ratio to LZ4's bytes: steps for each factor of two, and classes for each codec. */
const RATIO_STEPS = 2;
const RATIO_CLASSES = 32;

/** Return the class of a page with `bytes` coded bytes; LZ4 would code it to `lz4Bytes`. */
export function pageClassOf(wireId: number, bytes: number, lz4Bytes: number): number {
  const ratio = Math.round(RATIO_STEPS * Math.log2(bytes / lz4Bytes)) + RATIO_CLASSES / 2;
  return wireId * RATIO_CLASSES + Math.min(RATIO_CLASSES - 1, Math.max(0, ratio));
}

/** Segments for the trial of a class: its pages uncompressed, and coded. */
export class TrialBuffers {
  readonly raw: SegmentBuffer;
  readonly coded: SegmentBuffer;

  constructor(slots: Slots, pageBytes: number) {
    const memory = new SegmentMemory(slots, 2 * TRIAL_PAGES * pageBytes, 2);
    this.raw = new SegmentBuffer(slots, memory, true);
    this.coded = new SegmentBuffer(slots, memory, false);
  }
}

/** A full frame whose pages' forms are not chosen yet. */
export interface DraftedFrame {
  readonly draft: FrameDraft;
  readonly content: FrameContent;
  readonly trial: TrialBuffers;
  readonly pageBytes: number;
  /** Bytes of all segments, uncompressed. */
  readonly bytes: number;
  /** Empty `content` and begin it again. */
  start(): void;
}

/**
 * Choose the form of each page and pack the frame. A trial packs some pages of every class in both forms; all
 * pages of a class get the smaller form. A small frame is packed in three forms and the smallest is used.
 */
export async function packDraft(frame: DraftedFrame, context: FrameContext): Promise<PackedContent> {
  const { draft, content, pageBytes } = frame;
  const coded = draft.alternatives > 0 ? await codedClasses(frame, context) : new Set<number>();
  const forms: ((pageClass: number) => boolean)[] = [(pageClass) => coded.has(pageClass)];
  if (draft.alternatives > 0 && frame.bytes <= MAX_COMPARED_BYTES)
    forms.push(
      () => false,
      () => true,
    );
  let best: PackedContent | undefined;
  for (const isCoded of forms) {
    frame.start();
    draft.replay(content, pageBytes, isCoded);
    const packed = await packContent(content, context);
    if (best && packed.bytes >= best.bytes) continue;
    // A copy: the next form is packed in the same memory.
    best = forms.length > 1 ? { ...packed, parts: packed.parts.map((part) => part.slice()) } : packed;
  }
  return best!;
}

/** Return the classes whose pages pack to fewer bytes coded than uncompressed in the group. */
async function codedClasses(frame: DraftedFrame, context: FrameContext): Promise<ReadonlySet<number>> {
  const { trial, pageBytes } = frame;
  const coded = new Set<number>();
  const yieldIfDue = createYielder();
  for (const [pageClass, pages] of samples(frame.draft)) {
    trial.raw.clear();
    trial.coded.clear();
    for (const { address, bytes, rawAddress } of pages) {
      trial.raw.append(rawAddress, pageBytes);
      trial.coded.append(address, bytes);
    }
    const raw = (await packSegment('group', trial.raw, context)).packedBytes;
    const packed = (await packSegment('coded', trial.coded, context)).packedBytes;
    if (packed + TABLE_BYTES * pages.length < GROUP_SHARE * raw) coded.add(pageClass);
    await yieldIfDue();
  }
  return coded;
}

/** Return up to TRIAL_PAGES pages of every class, evenly spaced over the frame. */
function samples(draft: FrameDraft): ReadonlyMap<number, readonly Alternative[]> {
  const counts = new Map<number, number>();
  for (const { pageClass } of draft.pages()) counts.set(pageClass, (counts.get(pageClass) ?? 0) + 1);
  const samples = new Map<number, Alternative[]>();
  const seen = new Map<number, number>();
  for (const page of draft.pages()) {
    const { pageClass } = page;
    const number = seen.get(pageClass) ?? 0;
    seen.set(pageClass, number + 1);
    const sample = samples.get(pageClass) ?? [];
    samples.set(pageClass, sample);
    const wanted = Math.floor((sample.length * counts.get(pageClass)!) / TRIAL_PAGES);
    if (sample.length < TRIAL_PAGES && number >= wanted) sample.push(page);
  }
  return samples;
}
