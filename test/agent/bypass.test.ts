// Pages as they are: how their frames look, what is refused, and that they arrive.
import { describe, expect, test } from 'vitest';
import { asIsBodies, readAsIs } from '../../src/agent/bypass.js';
import { BYPASSED_PAGE, BYPASSED_UNCHANGED } from '../../src/engine/live/page-sender.js';
import { PageferryError } from '../../src/page/error.js';
import { craftedLater, craftedMemory, craftedStream } from '../../testing/qemu/crafted-guest.js';
import { expectSameMemory } from '../../testing/qemu/memory-trace.js';
import { testFolder } from '../image/support.js';
import { migrated } from '../support/agents.js';

const PAGE = 4096;
const FRAME_BYTES = 1 << 17;
const folder = testFolder();

describe('bodies', () => {
  const pages = Array.from({ length: 300 }, (_, i) => 1000 + 3 * i);
  const kinds = pages.map((_, i) =>
    i % 5 === 0 ? 0 : i % 7 === 0 ? 255 : i % 11 === 0 ? BYPASSED_UNCHANGED : BYPASSED_PAGE,
  );
  const room = Uint8Array.from({ length: pages.length * PAGE }, (_, i) => i * 31 + (i >>> 12));

  test('hold everything that did not stay, in order, none larger than a frame', () => {
    const bodies = asIsBodies(pages, kinds, room);
    const read = bodies.map((body) => readAsIs(body, 2 ** 31));
    for (const body of bodies) expect(body.length).toBeLessThanOrEqual(FRAME_BYTES);
    const sent = pages.map((_, i) => i).filter((i) => kinds[i] !== BYPASSED_UNCHANGED);
    expect(read.flatMap((part) => part.pages)).toEqual(sent.map((i) => pages[i]));
    expect(read.flatMap((part) => part.kinds)).toEqual(sent.map((i) => kinds[i]));
    const bytes = sent
      .filter((i) => kinds[i] === BYPASSED_PAGE)
      .map((i) => room.subarray(i * PAGE, (i + 1) * PAGE));
    expect(Buffer.compare(Buffer.concat(read.map((part) => part.bytes)), Buffer.concat(bytes))).toBe(0);
  });

  test('are none where nothing has to go', () => {
    expect(asIsBodies([1, 2], [BYPASSED_UNCHANGED, BYPASSED_UNCHANGED], room)).toEqual([]);
  });

  test('look as they are said to', () => {
    const [body] = asIsBodies([0x01020304, 7], [BYPASSED_PAGE, 9], room);
    expect(body!.subarray(0, 14).toString()).toBe(
      Buffer.from('\x02\x00\x04\x03\x02\x01\x00\x00\x07\x00\x00\x00\x01\x09').toString(),
    );
    expect(body!.length).toBe(14 + PAGE);
  });

  const [good] = asIsBodies([3, 4], [BYPASSED_PAGE, 0], room);
  const changed = (at: number, byte: number) => good!.map((old, i) => (i === at ? byte : old));
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /0 entries in 0 bytes/],
    ['one byte', Uint8Array.of(1), /0 entries in 1 bytes/],
    ['no entries', Uint8Array.of(0, 0), /0 entries/],
    ['more entries than bytes', changed(1, 0x0f), /3842 entries in/],
    ['more entries than any body has', changed(1, 0xff), /65282 entries/],
    ['a page that the guest has not', changed(3, 1), /page 259: the guest has 100/],
    ['a kind that nobody knows', changed(6, 2), /page 3: kind 2/],
    ['bytes of a page too few', good!.subarray(0, good!.length - 1), /its entries have/],
    ['a byte too many', Buffer.concat([good!, Buffer.of(0)]), /its entries have/],
    ['a fill where bytes are', changed(6, 1), /its entries have/],
  ])('%s: refused', (_, body, message) => {
    const read = () => readAsIs(body, 100);
    expect(read).toThrow(PageferryError);
    expect(read).toThrow(message);
  });
});

describe('a migration', () => {
  const first = craftedMemory(1, 12, 128);
  const second = craftedLater(first, 2);
  const moving = craftedStream([first, second, second]);

  test.each(['insecure', 'secure'] as const)(
    'whose pages all travel as they are arrives and is proved, %s',
    async (kept) => {
      const { agents, qemu, ends } = await migrated([moving], {
        folder,
        kept,
        strategy: 'fixed:raw',
        bytes: 65_536,
      });
      expect(ends).toEqual({ source: undefined, destination: undefined });
      expectSameMemory(qemu.stream(), moving);
      expect(agents.destination.said).toMatch(/all memory is here, and proved/);
      const pages = first.length / PAGE;
      const [one, two, three] = agents.rounds;
      expect(Object.keys(one!.codecs).toSorted()).toEqual(['fill', 'raw', 'zero']);
      expect(two!.codecs.unchanged!.pages + two!.codecs.raw!.pages).toBeGreaterThan(pages / 2);
      expect(three!.codecs).toEqual({ unchanged: { pages, bytes: 0 } });
      expect(one!.bytesOut).toBeGreaterThan(one!.codecs.raw!.pages * PAGE);
      expect(three!.bytesOut).toBe(0);
    },
  );
});
