import { expect, test } from 'vitest';
import type { PageSource } from '../../src/index.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { decoded, encodedBy } from '../support/streams.js';

const PAGE = 4096;
const STRATEGIES = ['smallest', 'fixed:xbzrle', 'fixed:similar', 'fixed:raw', 'adaptive'];

/** How `readAt` betrays what `read` gave. */
type Change = (into: Uint8Array, got: number, random: () => number) => number;

const CHANGES: Record<string, Change> = {
  'other bytes in some reads': (into, got, random) => {
    if (random() % 2) into[random() % into.length]! ^= 1 + (random() % 255);
    return got;
  },
  'other bytes, always': (into, got, random) => {
    for (let at = random() % PAGE; at < into.length; at += PAGE) into[at]! ^= 0x40;
    return got;
  },
  'pages of zeros': (into, got) => {
    into.fill(0);
    return got;
  },
  'pages in another order': (into, got) => {
    for (let at = 0; at + 2 * PAGE <= into.length; at += 2 * PAGE) {
      const page = into.slice(at, at + PAGE);
      into.copyWithin(at, at + PAGE, at + 2 * PAGE);
      into.set(page, at + PAGE);
    }
    return got;
  },
  'fewer bytes than there were': (_, got, random) => (random() % 2 ? 0 : Math.floor(got / 3)),
};

/** Gives `bytes` once in order, and something else when it is read again. */
function changingSource(bytes: Uint8Array, name: string, change: Change, random: () => number): PageSource {
  let next = 0;
  return {
    name,
    bytes: bytes.length,
    read(into) {
      const part = bytes.subarray(next, next + into.length);
      into.set(part);
      next += part.length;
      return part.length;
    },
    readAt(into, position) {
      const part = bytes.subarray(position, position + into.length);
      into.set(part);
      return change(into.subarray(0, part.length), part.length, random);
    },
  };
}

test.each(Object.entries(CHANGES))(
  'a file that gives %s when it is read again never yields a wrong image',
  async (_, change) => {
    const random = seeded(77);
    for (const strategy of STRATEGIES)
      for (let seed = 1; seed <= 2; seed++) {
        const first = guestImage(PAGE, seed, 50);
        const second = laterImage(first, PAGE, seed);
        const images = [first, second, laterImage(second, PAGE, seed + 1), first, guestImage(PAGE, seed)];
        const { bytes } = await encodedBy(
          async (encoder) => {
            for (const [i, image] of images.entries())
              await encoder.encode(changingSource(image, `${i}`, change, random));
            encoder.beginImage('pages');
            await encoder.write(second);
            await encoder.endImage();
          },
          { strategy, deltaBudgetBytes: seed % 2 ? 0 : 1 << 20 },
        );
        const back = await decoded(bytes);
        for (const [i, image] of [...images, second].entries())
          expect(Buffer.compare(back.images[i]!, image), `image ${i}`).toBe(0);
      }
  },
);

test('a base that changes under the encoder is sent as if it had not', async () => {
  const random = seeded(78);
  for (const change of Object.values(CHANGES))
    for (const strategy of STRATEGIES) {
      const base = guestImage(PAGE, 3, 50);
      const image = laterImage(base, PAGE, 4);
      const { bytes } = await encodedBy(
        async (encoder) => {
          await encoder.base(changingSource(base, 'base', change, random));
          await encoder.encode(changingSource(image, 'image', change, random));
        },
        { strategy },
      );
      const bases = [changingSource(base, 'base', (_, got) => got, random)];
      const back = await decoded(bytes, { bases });
      expect(Buffer.compare(back.images[0]!, image)).toBe(0);
    }
});

test('memory that is written to after its image was taken', async () => {
  const memory = guestImage(PAGE, 9);
  const random = seeded(79);
  const taken: Uint8Array[] = [];
  const { bytes } = await encodedBy(
    async (encoder) => {
      for (let round = 0; round < 6; round++) {
        taken.push(memory.slice());
        // The live memory is the source of its own earlier versions: their pages are gone where it was
        // written to.
        await encoder.encode(changingSource(memory, `round ${round}`, (_, got) => got, random));
        for (let n = 0; n < 20; n++) memory[random() % memory.length] = random();
        memory.copyWithin((random() % 17) * PAGE, 3 * PAGE, 4 * PAGE);
      }
    },
    { strategy: 'smallest' },
  );
  const back = await decoded(bytes);
  for (const [i, image] of taken.entries())
    expect(Buffer.compare(back.images[i]!, image), `round ${i}`).toBe(0);
});

test('a base that changed at the receiver is refused, or detected at the end', async () => {
  const base = guestImage(PAGE, 3, 50);
  const image = laterImage(base, PAGE, 4);
  const random = seeded(80);
  const { bytes } = await encodedBy(async (encoder) => {
    await encoder.base(changingSource(base, 'base', (_, got) => got, random));
    await encoder.encode(changingSource(image, 'image', (_, got) => got, random));
  });
  let reads = 0;
  const afterDigest: Change = (into, got) => {
    if (reads++ > 0) into[0]! ^= 1;
    return got;
  };
  const bases = [changingSource(base, 'base', afterDigest, random)];
  await expect(decoded(bytes, { bases })).rejects.toMatchObject({ code: 'not-identical' });
});
