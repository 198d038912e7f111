import { describe, expect, test } from 'vitest';
import { PageferryError } from '../../src/index.js';
import { WireReader, WireWriter } from '../../src/stream/wire.js';
import { seeded } from '../support/kernels.js';

const MOST = Number.MAX_SAFE_INTEGER;
const EDGES = [
  0,
  1,
  127,
  128,
  16383,
  16384,
  2 ** 21 - 1,
  2 ** 28,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 35 + 5,
  2 ** 49,
  MOST - 1,
  MOST,
];

const reader = (...bytes: number[]) => new WireReader(Uint8Array.from(bytes), 'here');
const written = (write: (to: WireWriter) => void) => {
  const to = new WireWriter();
  write(to);
  return [...to.bytes];
};

test('numbers are little-endian', () => {
  expect(written((to) => to.u8(0x12))).toEqual([0x12]);
  expect(written((to) => to.u16(0x1234))).toEqual([0x34, 0x12]);
  expect(written((to) => to.u32(0x89abcdef))).toEqual([0xef, 0xcd, 0xab, 0x89]);
  expect(written((to) => to.u64(0x1f_2233_4455_6677))).toEqual([0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x1f, 0]);
  const from = reader(0x12, 0x34, 0x12, 0xef, 0xcd, 0xab, 0x89, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x1f, 0);
  expect([from.u8(), from.u16(), from.u32(), from.u64()]).toEqual([
    0x12, 0x1234, 0x89abcdef, 0x1f_2233_4455_6677,
  ]);
  from.end();
});

test('counts take seven bits a byte, lowest first', () => {
  expect(written((to) => to.count(0))).toEqual([0]);
  expect(written((to) => to.count(127))).toEqual([0x7f]);
  expect(written((to) => to.count(128))).toEqual([0x80, 0x01]);
  expect(written((to) => to.count(624485))).toEqual([0xe5, 0x8e, 0x26]);
  expect(written((to) => to.count(MOST))).toEqual([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]);
});

test('what was written is read again, up to 2^53 - 1', () => {
  for (const value of EDGES) {
    const bytes = Uint8Array.from(
      written((to) => {
        to.count(value);
        to.u64(value);
        to.u32(value % 2 ** 32);
      }),
    );
    const from = new WireReader(bytes, 'here');
    expect([from.count(), from.u64(), from.u32()]).toEqual([value, value, value % 2 ** 32]);
    from.end();
  }
});

test('a writer grows, and is empty after it is cleared', () => {
  const to = new WireWriter();
  const random = seeded(1);
  for (let round = 0; round < 3; round++) {
    to.clear();
    const expected: number[] = [];
    for (let n = 0; n < 2000; n++) {
      const value = random();
      to.u32(value);
      expected.push(value);
    }
    to.put(new Uint8Array(10_000).fill(7));
    expect(to.length).toBe(18_000);
    const from = new WireReader(to.bytes, 'here');
    for (const value of expected) expect(from.u32()).toBe(value);
    expect(from.take(10_000).every((byte) => byte === 7)).toBe(true);
  }
});

describe('a reader refuses', () => {
  const refused: [string, () => unknown, RegExp][] = [
    [
      'a count with a zero byte at its end',
      () => reader(0x80, 0x00).count(),
      /here: a number longer than it needs to be at byte 2/,
    ],
    ['a longer one too', () => reader(0xff, 0x80, 0x80, 0x00).count(), /longer than it needs/],
    [
      'a count above 2^53 - 1',
      () => reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10).count(),
      /a number above 2\^53/,
    ],
    [
      'a count of nine bytes',
      () => reader(0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01).count(),
      /a number above 2\^53/,
    ],
    [
      'a count without an end',
      () => reader(...new Array<number>(100).fill(0x80)).count(),
      /a number above 2\^53/,
    ],
    ['a count that is cut off', () => reader(0x80, 0x80).count(), /here: ends at byte 2, needs 1 more/],
    ['64 bits above 2^53 - 1', () => reader(0, 0, 0, 0, 0, 0, 0x20, 0).u64(), /a number above 2\^53/],
    ['64 bits all set', () => reader(...new Array<number>(8).fill(0xff)).u64(), /a number above 2\^53/],
    ['32 bits of which 3 bytes are there', () => reader(1, 2, 3).u32(), /here: ends at byte 3, needs 1 more/],
    ['16 bits of which one byte is there', () => reader(1).u16(), /ends at byte 1, needs 1 more/],
    ['a byte that is not there', () => reader().u8(), /ends at byte 0, needs 1 more/],
    ['more bytes than are left', () => reader(1, 2).take(5), /ends at byte 2, needs 3 more/],
    [
      'reserved bytes that are not zero',
      () => reader(0, 0, 1).reserved(3),
      /here: a reserved byte that is not zero/,
    ],
    ['bytes left over', () => reader(1, 2).end(), /here: 2 bytes too many/],
  ];
  test.each(refused)('%s', (_, read, message) => {
    expect(read).toThrow(message);
    expect(read).toThrow(PageferryError);
  });
});

test('any bytes are a number or a refusal, never anything else', () => {
  const random = seeded(5);
  for (let n = 0; n < 20_000; n++) {
    const bytes = Uint8Array.from({ length: random() % 12 }, () => random());
    const from = new WireReader(bytes, 'here');
    try {
      const value = from.count();
      expect(Number.isSafeInteger(value)).toBe(true);
      // Every number has one encoding only.
      expect(written((to) => to.count(value))).toEqual([...bytes.subarray(0, bytes.length - from.left)]);
    } catch (error) {
      expect(error).toBeInstanceOf(PageferryError);
    }
  }
});
