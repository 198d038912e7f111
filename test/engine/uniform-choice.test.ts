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

/** As `image`, with new pages where it has zero pages. */
const grown = image.slice();
for (const seed of [20, 21, 22]) grown.set(guestImage(PAGE, seed), 20 * seed * PAGE);

test.each([
  { name: 'one image', images: [image], similar: true, looks: { similar: false }, hasRuns: true },
  { name: 'similar pages', images: [image], similar: true, looks: { similar: true }, hasRuns: false },
  { name: 'no index', images: [image], similar: false, looks: { similar: true }, hasRuns: true },
  { name: 'versions', images: [image, grown], similar: false, looks: { similar: false }, hasRuns: false },
  {
    name: 'unused versions',
    images: [image, grown],
    similar: true,
    looks: { similar: false, versions: false },
    hasRuns: true,
  },
])('looks with a uniform choice, $name: the bytes that single pages give', async (row) => {
  const { images, similar, looks, hasRuns } = row;
  const packed = async (uniformChoice?: 'group') => {
    let calls = 0;
    const strategy: Strategy = {
      name: 'looking',
      groupBytes: () => 65_536 + PAGE,
      // Only the last image's pages may be in runs.
      looks: ({ progress }) => ({
        duplicates: true,
        ...looks,
        uniformChoice: progress?.image === images.length - 1 ? uniformChoice : undefined,
      }),
      choose(_, { progress }) {
        if (progress?.image === images.length - 1) calls++;
        return 'group';
      },
      pack: () => ({ name: 'lz4' }),
    };
    const sources = images.map((bytes, i) => bytesSource(bytes, `${i}`));
    const { bytes } = await encoded(sources, { similar, deltaBudgetBytes: 0, strategy });
    return { bytes, calls };
  };
  const [inRuns, onePageACall] = [await packed('group'), await packed()];
  expect(Buffer.compare(inRuns.bytes, onePageACall.bytes)).toBe(0);
  const restored = (await decoded(inRuns.bytes)).images;
  for (const [i, wanted] of images.entries()) expect(Buffer.compare(restored[i]!, wanted)).toBe(0);
  if (hasRuns) expect(inRuns.calls).toBeLessThan(onePageACall.calls / 2);
  else expect(inRuns.calls).toBe(onePageACall.calls);
  expect(onePageACall.calls).toBeGreaterThan(20);
});
