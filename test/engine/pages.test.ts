import { expect, test } from 'vitest';
import { bytesSink, bytesSource, createDecoder, createEncoder, type Encoder } from '../../src/index.js';
import { guestImage, laterImage } from '../support/images.js';
import { seeded } from '../support/kernels.js';
import { decoded, encoded, encodedBy, SMALL_DECODER, SMALL_ENCODER } from '../support/streams.js';

const PAGE = 4096;

/** Writes an image in calls of some whole pages each. */
async function writeAll(encoder: Encoder, image: Uint8Array, seed: number, flush = false): Promise<void> {
  const random = seeded(seed);
  for (let from = 0; from < image.length; ) {
    const end = Math.min(image.length, from + PAGE * (1 + (random() % 5)));
    await encoder.write(image.subarray(from, end));
    if (flush && random() % 2) await encoder.flush();
    from = end;
  }
}

test('images written page by page are what was written, flushed or not', async () => {
  for (const extra of [0, 1, PAGE - 1])
    for (const flush of [false, true]) {
      const first = guestImage(PAGE, 1, extra);
      const second = laterImage(first, PAGE, 2);
      const { bytes, summary } = await encodedBy(
        async (encoder) => {
          for (const [i, image] of [first, second].entries()) {
            encoder.beginImage(`round ${i}`, i === 0 ? {} : { bytes: image.length });
            await writeAll(encoder, image, i, flush);
            if (flush) await encoder.flush();
            await encoder.endImage();
          }
          await encoder.encode(bytesSource(first, 'a source between'));
          encoder.beginImage('back', { parent: 0 });
          await writeAll(encoder, second, 7, flush);
          await encoder.endImage();
        },
        { strategy: 'smallest' },
      );
      const { images, names } = await decoded(bytes);
      expect(names).toEqual(['round 0', 'round 1', 'a source between', 'back']);
      for (const [i, image] of [first, second, first, second].entries())
        expect(Buffer.compare(images[i]!, image)).toBe(0);
      expect(summary.images[1]!.codecs.unchanged!.pages).toBeGreaterThan(5);
    }
});

test('an image in one call is the same stream as its source', async () => {
  const image = guestImage(PAGE, 3, 17);
  const named = { strategy: 'fixed:rle', similar: false };
  const written = await encodedBy(async (encoder) => {
    encoder.beginImage('a', { bytes: image.length });
    await encoder.write(image);
    await encoder.endImage();
  }, named);
  const whole = await encoded([bytesSource(image, 'a')], named);
  expect(Buffer.compare(written.bytes, whole.bytes)).toBe(0);
});

test('a write larger than a chunk', async () => {
  const image = new Uint8Array((2 << 20) + 5).map((_, i) => i >>> 11);
  const { bytes } = await encodedBy(async (encoder) => {
    encoder.beginImage('large');
    await encoder.write(image);
    await encoder.endImage();
  });
  const { images } = await decoded(bytes);
  expect(Buffer.compare(images[0]!, image)).toBe(0);
});

test('after a flush, a receiver has every page that was written', async () => {
  const sink = bytesSink();
  const decoder = await createDecoder(() => sink, SMALL_DECODER);
  const encoder = await createEncoder(async (parts) => {
    for (const part of parts) await decoder.push(part);
  }, SMALL_ENCODER);
  const image = guestImage(PAGE, 2, 9);
  encoder.beginImage('live');
  const got = new Uint8Array(image.length);
  for (let page = 0; page * PAGE < image.length; page++) {
    await encoder.write(image.subarray(page * PAGE, (page + 1) * PAGE));
    await encoder.flush();
    const end = Math.min(image.length, (page + 1) * PAGE);
    expect(sink.readAt(got, 0)).toBe(end);
    expect(Buffer.compare(got.subarray(0, end), image.subarray(0, end))).toBe(0);
  }
  await encoder.endImage();
  await encoder.finish();
  await decoder.finish();
  expect(Buffer.compare(sink.take(), image)).toBe(0);
});

test('flushing nothing is nothing', async () => {
  const { bytes } = await encodedBy(async (encoder) => {
    await encoder.flush();
    encoder.beginImage('a');
    await encoder.flush();
    await encoder.write(new Uint8Array(0));
    await encoder.flush();
    await encoder.endImage();
    await encoder.flush();
  });
  const { images } = await decoded(bytes);
  expect(images.map(({ length }) => length)).toEqual([0]);
});

test('calls out of order are refused and say why', async () => {
  await encodedBy(async (encoder) => {
    await expect(encoder.write(new Uint8Array(PAGE))).rejects.toThrow('write: no image is open');
    await expect(encoder.endImage()).rejects.toThrow('endImage: no image is open');
    encoder.beginImage('a');
    expect(() => encoder.beginImage('b')).toThrow('image 0 is still open');
    await expect(encoder.encode(bytesSource(new Uint8Array(1), 'c'))).rejects.toThrow(
      'image 0 is still open',
    );
    await expect(encoder.base(bytesSource(new Uint8Array(1), 'd'))).rejects.toThrow('image 0 is still open');
    await encoder.write(new Uint8Array(PAGE + 3));
    await expect(encoder.write(new Uint8Array(PAGE))).rejects.toThrow(
      "write: a page of 3 bytes was the image's last",
    );
    await encoder.endImage();
  });
  await expect(encodedBy(async (encoder) => encoder.beginImage('open'))).rejects.toThrow(
    'finish: image 0 is still open',
  );
});

test('an image that turns out shorter or longer than it was announced is refused', async () => {
  for (const bytes of [PAGE - 1, PAGE + 1, 0])
    await expect(
      encodedBy(async (encoder) => {
        encoder.beginImage('a', { bytes });
        await encoder.write(new Uint8Array(PAGE));
        await encoder.endImage();
      }),
    ).rejects.toThrow(`endImage: "a" was announced with ${bytes} bytes, got 4096`);
});
