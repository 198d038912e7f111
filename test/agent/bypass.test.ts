// Pages that bypass the encoder: the layout of their frames, what is refused, and that they arrive.
import { describe, expect, test } from 'vitest';
import { bypassBodies, readBypass } from '../../src/agent/bypass.js';
import { BypassLog } from '../../src/agent/source/bypass-log.js';
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
  const buffer = Uint8Array.from({ length: pages.length * PAGE }, (_, i) => i * 31 + (i >>> 12));

  test('hold every changed page, in order, none larger than a frame', () => {
    const bodies = bypassBodies(pages, kinds, buffer).map((parts) => Buffer.concat(parts));
    const read = bodies.map((body) => readBypass(body, 2 ** 31));
    for (const body of bodies) expect(body.length).toBeLessThanOrEqual(FRAME_BYTES);
    const sent = pages.map((_, i) => i).filter((i) => kinds[i] !== BYPASSED_UNCHANGED);
    expect(read.flatMap((part) => part.pages)).toEqual(sent.map((i) => pages[i]));
    expect(read.flatMap((part) => part.kinds)).toEqual(sent.map((i) => kinds[i]));
    const bytes = sent
      .filter((i) => kinds[i] === BYPASSED_PAGE)
      .map((i) => buffer.subarray(i * PAGE, (i + 1) * PAGE));
    expect(Buffer.compare(Buffer.concat(read.map((part) => part.bytes)), Buffer.concat(bytes))).toBe(0);
  });

  test('are none where no page changed', () => {
    expect(bypassBodies([1, 2], [BYPASSED_UNCHANGED, BYPASSED_UNCHANGED], buffer)).toEqual([]);
  });

  test('have the documented layout', () => {
    const body = Buffer.concat(bypassBodies([0x01020304, 7], [BYPASSED_PAGE, 9], buffer)[0]!);
    expect(body.subarray(0, 14).toString()).toBe(
      Buffer.from('\x02\x00\x04\x03\x02\x01\x00\x00\x07\x00\x00\x00\x01\x09').toString(),
    );
    expect(body.length).toBe(14 + PAGE);
  });

  const good = Buffer.concat(bypassBodies([3, 4], [BYPASSED_PAGE, 0], buffer)[0]!);
  const changed = (at: number, byte: number) => good.map((old, i) => (i === at ? byte : old));
  test.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(0), /0 entries in 0 bytes/],
    ['one byte', Uint8Array.of(1), /0 entries in 1 bytes/],
    ['no entries', Uint8Array.of(0, 0), /0 entries/],
    ['more entries than bytes', changed(1, 0x0f), /3842 entries in/],
    ['more entries than any body has', changed(1, 0xff), /65282 entries/],
    ['a page beyond the guest', changed(3, 1), /page 259: the guest has 100/],
    ['an unknown kind', changed(6, 2), /page 3: kind 2/],
    ['a missing byte', good.subarray(0, good.length - 1), /its entries have/],
    ['a byte too many', Buffer.concat([good, Buffer.of(0)]), /its entries have/],
    ['bytes after a fill', changed(6, 1), /its entries have/],
  ])('%s: refused', (_, body, message) => {
    const read = () => readBypass(body, 100);
    expect(read).toThrow(PageferryError);
    expect(read).toThrow(message);
  });
});

describe('a migration', () => {
  const first = craftedMemory(1, 12, 128);
  const second = craftedLater(first, 2);
  const moving = craftedStream([first, second, second]);

  test.each(['insecure', 'secure'] as const)(
    'with all pages uncompressed arrives and is verified, %s',
    async (kept) => {
      const { agents, qemu, ends } = await migrated([moving], {
        folder,
        kept,
        strategy: 'fixed:raw',
        bytes: 65_536,
      });
      expect(ends).toEqual({ source: undefined, destination: undefined });
      expectSameMemory(qemu.stream(), moving);
      expect(agents.destination.text).toMatch(/all memory arrived and is verified/);
      const pages = first.length / PAGE;
      const [one, two, three] = agents.rounds;
      expect(Object.keys(one!.codecs).toSorted()).toEqual(['fill', 'raw', 'zero']);
      expect(two!.codecs.unchanged!.pages + two!.codecs.raw!.pages).toBeGreaterThan(pages / 2);
      expect(three!.codecs).toEqual({ unchanged: { pages, bytes: 0 } });
      expect(one!.wireBytes).toBeGreaterThan(one!.codecs.raw!.pages * PAGE);
      expect(three!.wireBytes).toBe(0);
    },
  );
});

test('the log has changes that last, with the rate of the link', () => {
  let nowMs = 0;
  const lines: string[] = [];
  const log = new BypassLog(() => nowMs);
  const batches = (bypass: boolean, forMs: number) => {
    for (const end = nowMs + forMs; nowMs < end; nowMs += 10)
      log.set(bypass, 2e9, (_, line) => lines.push(line));
  };
  batches(false, 500);
  for (let i = 0; i < 5; i++) {
    batches(true, 90);
    batches(false, 90);
  }
  expect(lines).toEqual([]);
  batches(true, 1000);
  expect(lines).toEqual([
    'pages bypass coding from here on: they do not wait for the link (2000 Mbit/s or more)',
  ]);
  batches(false, 1000);
  expect(lines.slice(1)).toEqual(['pages are coded again: they wait for the link (2000 Mbit/s)']);
});
