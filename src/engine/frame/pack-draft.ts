import type { Slots } from '../../kernels/arena.js';
import { createYielder } from '../../page/sync.js';
import { SegmentBuffer } from '../pack/segment.js';
import { SegmentMemory } from '../pack/segment-memory.js';
import type { FrameContent } from './frame-content.js';
import type { Alternative, FrameDraft } from './frame-draft.js';
import { type FrameContext, type PackedContent, packContent, packSegment } from './pack-content.js';

/** Pages of a class that are packed to compare their packings. */
const TRIAL_PAGES = 64;
/** Share of a page's bytes in a trial, which has few pages, that it takes in the whole group. */
const GROUP_SHARE = 0.8;
/** Bytes that a coded page takes in the table, about. */
const TABLE_BYTES = 3;
/** The contents of frames of up to this size are packed in every form, and the smallest is used. */
const MAX_COMPARED_BYTES = 8 << 20;
/** Classes: steps of the ratio to LZ4's bytes for each factor of two, and their number for each codec. */
const RATIO_STEPS = 2;
const RATIO_CLASSES = 32;

/** Return the class of a page of `bytes` coded bytes, of which LZ4 makes `lz4Bytes` bytes. */
export function pageClassOf(wireId: number, bytes: number, lz4Bytes: number): number {
  const ratio = Math.round(RATIO_STEPS * Math.log2(bytes / lz4Bytes)) + RATIO_CLASSES / 2;
  return wireId * RATIO_CLASSES + Math.min(RATIO_CLASSES - 1, Math.max(0, ratio));
}

/** Memory for pages of a class, uncompressed and coded. */
export class TrialBuffers {
  readonly raw: SegmentBuffer;
  readonly coded: SegmentBuffer;

  constructor(slots: Slots, pageBytes: number) {
    const memory = new SegmentMemory(slots, 2 * TRIAL_PAGES * pageBytes, 2);
    this.raw = new SegmentBuffer(slots, memory, true);
    this.coded = new SegmentBuffer(slots, memory, false);
  }
}

/** A full frame whose content is decided and packed. */
export interface DraftedFrame {
  readonly draft: FrameDraft;
  readonly content: FrameContent;
  readonly trial: TrialBuffers;
  readonly pageBytes: number;
  /** Bytes of all its pages. */
  readonly bytes: number;
  /** Begin the content. */
  start(): void;
}

/**
 * Decide which pages are coded, by packing some pages of every class in both forms, and pack the frame. A
 * small frame is packed in every form.
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
    // The next form is packed in the same memory.
    best = forms.length > 1 ? { ...packed, parts: packed.parts.map((part) => part.slice()) } : packed;
  }
  return best!;
}

/** Return the classes of pages that take fewer bytes coded than uncompressed in their group. */
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

/** Return pages of every class, at equal distances over the frame. */
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
