// How many pages a group has: each counts once, although pages with an alternative are in memory twice.
import { expect, test } from 'vitest';
import { bytesSource, type Strategy } from '../../src/index.js';
import { RECORD, RECORD_HEAD_BYTES, STREAM_HEADER_BYTES } from '../../src/stream/format.js';
import { readFrameHead, readRecordHead } from '../../src/stream/records.js';
import { seeded } from '../support/kernels.js';
import { decoded, encoded } from '../support/streams.js';

const PAGE = 4096;
const GROUP_BYTES = 1 << 20;
const GROUP_PAGES = GROUP_BYTES / PAGE;
const PAGES = 3 * GROUP_PAGES;

const strategy: Strategy = {
  name: 'groups of 1 MiB',
  maxGroupBytes: GROUP_BYTES,
  groupBytes: () => GROUP_BYTES,
  choose: () => 'best',
  pack: () => ({ name: 'lz4' }),
};

/** Words whose upper bits repeat, which WKdm codes in 2 bytes, and a share of others. */
function wordsOf(randomShare: number): Uint8Array {
  const random = seeded(3);
  const words = new Uint32Array((PAGES * PAGE) / 4).map(() =>
    random() % 100 < 100 * randomShare ? random() : 0x7f3a_0000 + (random() % 1024),
  );
  return new Uint8Array(words.buffer);
}

function pagesOfFrames(stream: Uint8Array): number[] {
  const pages: number[] = [];
  for (let at = STREAM_HEADER_BYTES; ; ) {
    const { type, headBytes, dataBytes } = readRecordHead(stream.subarray(at), 'images', 'record');
    const head = at + RECORD_HEAD_BYTES;
    if (type === RECORD.END) return pages;
    if (type === RECORD.PAGES)
      pages.push(readFrameHead(stream.subarray(head, head + headBytes), 'frame').pageCount);
    at = head + headBytes + dataBytes;
  }
}

test('a group of pages that can be coded has as many as one of pages that cannot', async () => {
  for (const share of [0, 1]) {
    const { bytes } = await encoded([bytesSource(wordsOf(share), 'a')], { strategy });
    expect(pagesOfFrames(bytes), `random words: ${share}`).toEqual([GROUP_PAGES, GROUP_PAGES, GROUP_PAGES]);
  }
});

test('a group ends when the memory for coded pages is full', async () => {
  const image = wordsOf(0.3);
  const { bytes } = await encoded([bytesSource(image, 'a')], { strategy });
  const pages = pagesOfFrames(bytes);
  expect(pages[0]).toBeLessThan(GROUP_PAGES);
  expect(pages[0]).toBeGreaterThan(GROUP_PAGES / 2);
  expect(Buffer.compare((await decoded(bytes)).images[0]!, image)).toBe(0);
});
