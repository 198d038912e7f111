import { beforeAll, describe, expect, test } from 'vitest';
import { PageferryError } from '../../src/index.js';
import * as images from '../../src/stream/image-records.js';
import * as records from '../../src/stream/records.js';
import { type Crafter, crafter, imageCraft, u16, u32, u64 } from '../support/craft.js';

let craft: Crafter;
beforeAll(async () => {
  craft = await crafter();
});

const check = (bytes: Uint8Array) => new DataView(craft.check(bytes).buffer).getUint32(0, true);
const header = (bytes: Uint8Array) => records.readHeader(bytes, 'images', check);
const zeros = (count: number) => new Array<number>(count).fill(0);

/** What was refused, by its code and in words. */
function refusal(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(PageferryError);
    return `${(error as PageferryError).code}: ${(error as Error).message}`;
  }
  throw new Error('was not refused');
}

describe('a header', () => {
  test('without the magic', () => {
    for (let i = 0; i < 8; i++) {
      const bytes = craft.header();
      bytes[i]! ^= 0x20;
      expect(refusal(() => header(bytes))).toBe(
        'bad-stream: not a pageferry stream: it does not begin with the magic',
      );
    }
  });

  test('of another version, whatever its check says', () => {
    for (const version of [0, 2, 0x100, 0xffff]) {
      const bytes = craft.header({ version });
      bytes[23]! ^= 1;
      expect(refusal(() => header(bytes))).toBe(
        `unsupported: stream version ${version}: this reader knows version 1; it is damaged, or from a newer version of pageferry`,
      );
    }
  });

  test('with flags', () => {
    expect(refusal(() => header(craft.header({ flags: 0x81 })))).toBe(
      'unsupported: stream flags 0x81: this reader knows 0x1',
    );
  });

  test('with a page size that is not known', () => {
    for (const pageBytes of [0, 1, 8192, 4095, 131072, 0xffffffff])
      expect(refusal(() => header(craft.header({ pageBytes })))).toBe(
        `unsupported: page size ${pageBytes}: expected one of 4096, 16384, 65536`,
      );
  });

  test('with a check that does not match', () => {
    for (let i = 10; i < 24; i++) {
      const bytes = craft.header();
      bytes[i]! ^= 1;
      expect(refusal(() => header(bytes))).toMatch(
        /^bad-stream: stream header: check is 0x\w+, its bytes give 0x\w+$/,
      );
    }
  });
});

describe('a record head', () => {
  const read = (bytes: number[]) =>
    refusal(() => records.readRecordHead(Uint8Array.from(bytes), 'images', 'record 5'));
  test('of a type that is not known', () => {
    for (const type of [0, 7, 255])
      expect(read([type, ...zeros(23)])).toBe(`unsupported: record 5: type ${type}, this reader knows 1 … 6`);
  });
  test('with reserved bytes in use', () => {
    for (const at of [1, 2, 3, 12, 13, 14, 15]) {
      const bytes = [2, ...zeros(23)];
      bytes[at] = 0x80;
      expect(read(bytes)).toMatch(/^bad-stream: record 5: a reserved byte that is not zero at byte \d+$/);
    }
  });
  test('that is too large, or has data where there is none', () => {
    expect(read([2, 0, 0, 0, ...u32((1 << 20) + 1), ...zeros(16)])).toBe(
      'bad-stream: record 5: a head of 1048577 bytes, more than 1048576 at byte 16',
    );
    for (const type of [1, 3, 4, 5, 6])
      expect(read([type, 0, 0, 0, ...u32(8), ...u32(1), ...zeros(12)])).toMatch(
        /^bad-stream: .* data after a record that has none/,
      );
  });
});

describe('an image', () => {
  const read = (head: ArrayLike<number>) =>
    refusal(() => images.readImage(Uint8Array.from(head), 'record 1'));
  const changed = (at: number, value: number, fields = {}) => {
    const { head } = imageCraft({ bytes: 4096, ...fields });
    head[at] = value;
    return read(head);
  };
  test('of a kind that is not known', () => {
    expect(read(imageCraft({ kind: 3 }).head)).toBe(
      'unsupported: record 1: kind 3, flags 0x0: this reader knows kinds 0 to 2',
    );
  });
  test('with flags or reserved bytes in use', () => {
    expect(changed(5, 4)).toBe('unsupported: record 1: kind 0, flags 0x4: this reader knows kinds 0 to 2');
    for (const at of [12, 13, 14, 15])
      expect(changed(at, 1)).toMatch(/^bad-stream: record 1: a reserved byte that is not zero/);
  });
  test('whose parent is not before it', () => {
    expect(read(imageCraft({ image: 3, parent: 3 }).head)).toMatch(
      /parent 3 of image 3, which is not before it/,
    );
    expect(read(imageCraft({ image: 3, parent: 4 }).head)).toMatch(
      /parent 4 of image 3, which is not before it/,
    );
  });
  test('with a size above 2^53', () => {
    expect(changed(22, 0x20)).toMatch(/a number above 2\^53/);
    expect(changed(23, 0xff)).toMatch(/a number above 2\^53/);
  });
  test('with a name that is cut off, too long, not UTF-8, or followed by more', () => {
    expect(changed(6, 9)).toMatch(/ends at byte 41, needs 8 more/);
    expect(read([...imageCraft({}).head, 0])).toMatch(/1 bytes too many/);
    expect(read(imageCraft({ name: new Array<number>(1025).fill(0x61) }).head)).toMatch(
      /a name of 1025 bytes, more than 1024/,
    );
    expect(read(imageCraft({ name: [0xc3, 0x28] }).head)).toMatch(/a name that is not UTF-8/);
  });
  test('that is a base without a size or with a parent, or carried with a digest', () => {
    expect(read(imageCraft({ kind: 1, digest: 1 }).head)).toMatch(/a base image of unknown size/);
    expect(read(imageCraft({ kind: 1, digest: 1, bytes: 1, image: 1, parent: 0 }).head)).toMatch(
      /a base image with a parent/,
    );
    expect(read(imageCraft({ digest: 1 }).head)).toMatch(
      /a digest, which an image that is carried has at its end/,
    );
  });
});

describe('a frame head', () => {
  const read = (head: ArrayLike<number>) =>
    refusal(() => records.readFrameHead(Uint8Array.from(head), 'record 2'));
  const sound = () => [...(craft.frame({}, [[1, 1]]).head as number[])];
  test('of no pages, of no segments or of too many', () => {
    expect(read(craft.frame({ pageCount: 0 }, [[1, 1]]).head)).toMatch(/a frame of no pages/);
    expect(read(craft.frame({}, []).head)).toMatch(/0 segments, expected 1 … 8/);
    expect(read(craft.frame({}, new Array(9).fill([1, 1])).head)).toMatch(/9 segments, expected 1 … 8/);
  });
  test('that is cut off or goes on', () => {
    for (let bytes = 0; bytes < sound().length; bytes++)
      expect(read(sound().slice(0, bytes))).toMatch(/record 2: ends at byte/);
    expect(read([...sound(), 0])).toMatch(/1 bytes too many/);
  });
  test('with reserved bytes in use', () => {
    for (const at of [21, 22, 23, 25, 26, 27])
      expect(read(sound().with(at, 1))).toMatch(/a reserved byte that is not zero/);
  });
});

test('ends, index and trailer', () => {
  const bytes = (head: ArrayLike<number>) => Uint8Array.from(head);
  expect(refusal(() => images.readImageEnd(bytes([...u32(0), 1, 0, 0, 0, ...zeros(24)]), 'end'))).toMatch(
    /reserved byte/,
  );
  expect(refusal(() => images.readImageEnd(bytes(zeros(31)), 'end'))).toMatch(/needs 1 more/);
  expect(refusal(() => images.readImageEnd(bytes(zeros(33)), 'end'))).toMatch(/1 bytes too many/);
  expect(refusal(() => images.readEnd(bytes([...u32(2), ...u32(0), ...zeros(24)]), 'end'))).toMatch(
    /2 images in 24 bytes/,
  );
  expect(refusal(() => images.readEnd(bytes([...u32(0xffffffff), ...u32(0)]), 'end'))).toMatch(
    /4294967295 images in 0 bytes/,
  );
  expect(refusal(() => images.readEnd(bytes([...u32(0), ...u32(1)]), 'end'))).toMatch(/reserved byte/);
  expect(refusal(() => records.readIndex(bytes([0, 0, 1, 24]), 'index'))).toMatch(
    /index: ends at byte 4, needs 1 more/,
  );
  expect(
    refusal(() => records.readTrailer(bytes([...u64(24), ...u16(0x4650), ...zeros(6)]), 'trailer')),
  ).toMatch(/no trailer magic/);
  expect(refusal(() => records.readTrailer(bytes(zeros(15)), 'trailer'))).toMatch(/needs 1 more/);
});
