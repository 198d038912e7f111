// A stream with pages of every codec, large enough that threads decode it, and sinks that fail.
import { bytesSource, type PageSink, type Strategy } from '../../src/index.js';
import { guestImage } from './images.js';
import { type Encoded, encoded } from './streams.js';

const PAGE = 4096;

/** Groups that LZ4 packs, in frames of 128 KiB, with pages of every codec among them. */
export const mixedStrategy: Strategy = {
  name: 'mixed',
  choose(page) {
    const small = (['xbzrle', 'similar', 'wkdm', 'zero-aware'] as const).find(
      (name) => page.measure(name) < 900,
    );
    return small ?? 'group';
  },
  pack: () => ({ name: 'lz4' }),
  groupBytes: () => 131_072,
};

/** So large that threads are started: 32 MiB of zeros, pages of every kind before and after them. */
const kinds = Array.from({ length: 90 }, (_, i) => guestImage(PAGE, i + 1));
const image = new Uint8Array(
  Buffer.concat([...kinds.slice(0, 45), new Uint8Array(32 << 20), ...kinds.slice(45)]),
);
const second = image.slice();
for (let at = 0; at < second.length; at += 9 * PAGE) second[at] = second[at]! ^ 0xff;
/** Two images, the second a later version of the first. */
export const images = [image, second.subarray(0, second.length - 100)];
/** Pack the images into one stream. */
export function mixedStream(): Promise<Encoded> {
  const sources = images.map((bytes, i) => bytesSource(bytes, `image ${i}`));
  return encoded(sources, { strategy: mixedStrategy, indexPages: 8192, deltaBudgetBytes: 64 << 20 });
}

/** A sink whose calls do `fault` at step `step`, counted over all sinks. */
export function faultySink(inner: PageSink, steps: { left: number }, fault: () => void): PageSink {
  const { write, zero, readAt } = inner;
  const at = () => {
    if (steps.left-- === 0) fault();
  };
  return Object.assign(inner, {
    write(bytes: Uint8Array, position: number) {
      at();
      write(bytes, position);
    },
    zero(position: number, bytes: number) {
      at();
      zero(position, bytes);
    },
    readAt(into: Uint8Array, position: number) {
      at();
      return readAt(into, position);
    },
  });
}
