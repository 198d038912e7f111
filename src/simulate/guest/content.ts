import { hashOf, Random } from '../random.js';

/** Kinds of page content in guest memory. */
export const CONTENTS = ['zero', 'text', 'pointers', 'code', 'random'] as const;
export type Content = (typeof CONTENTS)[number];

/** Number of templates of each kind; a page is one of them with some words of its own. */
const TEMPLATES = 64;
const WORDS =
  'page memory guest host link dirty round copy frame cache block queue thread time state write read zero kernel user file index table key value lock'.split(
    ' ',
  );

/** Generates page content. The same seed, kind, page and version give the same bytes. */
export class ContentMaker {
  private readonly templates = new Map<Content, Uint8Array[]>();

  constructor(
    private readonly seed: number,
    private readonly pageBytes: number,
  ) {}

  /**
   * Fill `into`. Version 0 is the initial content, equal for pages with the same `like`; each later version
   * changes a few words.
   */
  fill(into: Uint8Array, kind: Content, page: number, version: number, like = page): void {
    const random = new Random(hashOf(hashOf(this.seed, like), 1));
    if (kind === 'zero') into.fill(0);
    else if (kind === 'random') fillRandom(into, random);
    else {
      into.set(this.template(kind, random.below(TEMPLATES)));
      // Words that no other page has.
      scatter(into, random, 24);
    }
    // Only the changes of the last four versions, so that the time does not grow with the version.
    for (let back = Math.max(1, version - 3); back <= version; back++) {
      const change = new Random(hashOf(hashOf(this.seed ^ 0x5bd1e995, page), back));
      scatter(into, change, 4 + change.below(24));
    }
  }

  private template(kind: Content, number: number): Uint8Array {
    let templates = this.templates.get(kind);
    if (!templates) {
      templates = Array.from({ length: TEMPLATES }, (_, i) =>
        makeTemplate(kind, new Random(hashOf(this.seed + 17, i)), this.pageBytes),
      );
      this.templates.set(kind, templates);
    }
    return templates[number]!;
  }
}

/** Write random 8-byte words at random positions. */
function scatter(into: Uint8Array, random: Random, count: number): void {
  const view = new DataView(into.buffer, into.byteOffset, into.length);
  for (let n = 0; n < count; n++) {
    const at = random.below(into.length / 8) * 8;
    view.setUint32(at, random.nextWord(), true);
    view.setUint32(at + 4, random.below(4), true);
  }
}

function fillRandom(into: Uint8Array, random: Random): void {
  const view = new DataView(into.buffer, into.byteOffset, into.length);
  for (let at = 0; at < into.length; at += 4) view.setUint32(at, random.nextWord(), true);
}

function makeTemplate(kind: Content, random: Random, pageBytes: number): Uint8Array {
  const page = new Uint8Array(pageBytes);
  const view = new DataView(page.buffer);
  if (kind === 'text') {
    let text = '';
    while (text.length < pageBytes)
      text += `${WORDS[random.below(WORDS.length)]} ${random.below(10) === 0 ? '\n' : ''}`;
    page.set(new TextEncoder().encode(text.slice(0, pageBytes)));
  } else if (kind === 'pointers') {
    // Objects of 32 bytes: two pointers into one heap, a count, flags.
    const heap = 0x5500_0000 + random.below(256) * 0x10000;
    for (let at = 0; at < pageBytes; at += 32) {
      view.setUint32(at, heap + random.below(65536) * 16, true);
      view.setUint32(at + 4, 0x7f3a, true);
      view.setUint32(at + 8, heap + random.below(65536) * 16, true);
      view.setUint32(at + 12, 0x7f3a, true);
      view.setUint32(at + 16, random.below(100), true);
      view.setUint32(at + 24, random.below(4), true);
    }
  } else if (kind === 'code') {
    // Few instructions, many operands.
    for (let at = 0; at < pageBytes; at += 4)
      view.setUint32(at, (OPCODES[random.below(OPCODES.length)]! << 24) | random.below(4096), true);
  }
  return page;
}

const OPCODES = [0x48, 0x89, 0x8b, 0xe8, 0xc3, 0x0f, 0x83, 0x74, 0xeb, 0x55];
