import { expect, test } from 'vitest';
import { bytesSource, type Strategy } from '../../src/index.js';
import { fixed } from '../../src/strategy/fixed.js';
import { guestImage } from '../support/images.js';
import { decoded, encoded } from '../support/streams.js';

const PAGE = 4096;

/** An image with long runs of zero and of new pages, duplicates, fills, and a shorter last page. */
const image = new Uint8Array(
  Buffer.concat([
    guestImage(PAGE, 1),
    Buffer.alloc(700 * PAGE),
    ...[2, 3, 4, 5, 6].map((seed) => guestImage(PAGE, seed)),
    guestImage(PAGE, 3),
    Buffer.alloc(5 * PAGE, 7),
    guestImage(PAGE, 8).subarray(0, 3 * PAGE + 100),
  ]),
);
const changed = image.slice();
for (let at = 9 * PAGE; at < changed.length; at += 37 * PAGE) changed[at] ^= 1;

test.each([[fixed('raw')], [fixed('lz4')], [fixed('zstd')], [fixed('zstd', 1)]])(
  '$name: runs of pages give the bytes that single pages give',
  async (strategy) => {
    const { uniformChoice, ...single }: Strategy = { ...strategy, groupBytes: () => 65_536 + PAGE };
    expect(uniformChoice).toBeDefined();
    const images = () => [bytesSource(image, 'a'), bytesSource(changed, 'b'), bytesSource(changed, 'c')];
    const options = { similar: false, deltaBudgetBytes: 0 };
    const inRuns = await encoded(images(), { ...options, strategy: { ...single, uniformChoice } });
    const onePageACall = await encoded(images(), { ...options, strategy: single });
    expect(Buffer.compare(inRuns.bytes, onePageACall.bytes)).toBe(0);
    expect(inRuns.summary.codecs).toEqual(onePageACall.summary.codecs);
    const [first, second, third] = (await decoded(inRuns.bytes)).images;
    for (const [got, wanted] of [
      [first, image],
      [second, changed],
      [third, changed],
    ] as const)
      expect(Buffer.compare(got!, wanted)).toBe(0);
  },
);

test.each([
  ['one image', [image], false, true],
  ['an image with a parent', [image, changed], false, false],
  ['an image whose similar pages are searched', [image], true, false],
])('looks with a uniform choice, %s: the bytes that single pages give', async (_, all, similar, hasRuns) => {
  let calls = 0;
  const packed = async (uniformChoice?: 'group') => {
    calls = 0;
    const strategy: Strategy = {
      name: 'looking',
      groupBytes: () => 65_536 + PAGE,
      looks: () => ({ duplicates: true, similar, uniformChoice }),
      choose() {
        calls++;
        return 'group';
      },
      pack: () => ({ name: 'lz4' }),
    };
    const images = all.map((bytes, i) => bytesSource(bytes, `${i}`));
    const { bytes } = await encoded(images, { similar, deltaBudgetBytes: 0, strategy });
    return { bytes, calls };
  };
  const [inRuns, onePageACall] = [await packed('group'), await packed()];
  expect(Buffer.compare(inRuns.bytes, onePageACall.bytes)).toBe(0);
  expect(Buffer.compare((await decoded(inRuns.bytes)).images[0]!, image)).toBe(0);
  if (hasRuns) expect(inRuns.calls).toBeLessThan(onePageACall.calls / 2);
  // The first image has no parent.
  else if (!similar) expect(inRuns.calls).toBeGreaterThan(0);
  else expect(inRuns.calls).toBe(onePageACall.calls);
});
