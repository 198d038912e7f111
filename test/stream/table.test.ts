import { describe, expect, test } from 'vitest';
import { CODECS, codecByName } from '../../src/codec/registry.js';
import { PageferryError } from '../../src/index.js';
import { type TableEntry, TableReader, TableWriter } from '../../src/stream/table.js';
import { seeded } from '../support/kernels.js';

const codec = codecByName;
const PAGE_CODECS = CODECS.filter(({ name }) => name !== 'zstd');

/** What a table says of one page. */
type Line = Pick<TableEntry, 'segment' | 'fill' | 'image' | 'page' | 'bytes'> & { readonly name: string };
const NOTHING = { segment: 0, fill: 0, image: 0, page: 0, bytes: 0 };

function write(
  lines: readonly Line[],
  firstPage: number,
  parent: number,
  table = new TableWriter(),
): Uint8Array {
  table.start(firstPage, parent);
  for (const { name, segment, fill, image, page, bytes } of lines) {
    const { operands } = codec(name);
    if (operands.fill) table.addFill(codec(name), fill);
    else if (operands.reference) table.addReference(codec(name), image, page, segment);
    else table.add(codec(name), 1, segment);
    if (operands.bytes === 'own') table.addLength(bytes);
  }
  return table.finish().slice();
}

function read(bytes: Uint8Array, pages: number, firstPage: number, parent: number): Line[] {
  const table = new TableReader(bytes, 'table', pages, firstPage, parent);
  const lines = Array.from({ length: pages }, (): Line => {
    const { codec: found, segment, fill, image, page, bytes: length } = table.next();
    const { operands } = found;
    return {
      name: found.name,
      segment: operands.bytes ? segment : 0,
      fill: operands.fill ? fill : 0,
      image: operands.reference ? image : 0,
      page: operands.reference ? page : 0,
      bytes: operands.bytes === 'own' ? length : 0,
    };
  });
  table.end();
  return lines;
}

describe('the bytes of a table', () => {
  test('pages without operands are one run', () => {
    const table = new TableWriter();
    table.start(0, 0);
    table.add(codec('zero'), 300);
    table.add(codec('zero'), 1);
    table.add(codec('unchanged'));
    expect([...table.finish()]).toEqual([1, 0xad, 0x02, 4, 1]);
  });

  test('a run names its segment once, and every page its length', () => {
    const lines = [20, 300].map((bytes) => ({ ...NOTHING, name: 'xbzrle', segment: 2, bytes }));
    expect([...write(lines, 0, 0)]).toEqual([7, 2, 2, 20, 0xac, 0x02]);
    const raw = [1, 1, 3].map((segment) => ({ ...NOTHING, name: 'raw', segment }));
    expect([...write(raw, 0, 0)]).toEqual([0, 2, 1, 0, 1, 3]);
  });

  test('references that run in parallel are a zero each', () => {
    const lines = [7, 8, 9].map((page) => ({ ...NOTHING, name: 'same-as', image: 4, page }));
    expect([...write(lines, 7, 4)]).toEqual([3, 3, 0, 0, 0]);
  });

  test('a step back is odd in zigzag, another image is named', () => {
    const lines = [
      { ...NOTHING, name: 'same-as', image: 4, page: 8 },
      { ...NOTHING, name: 'same-as', image: 5, page: 7 },
      { ...NOTHING, name: 'similar', segment: 1, image: 5, page: 10, bytes: 9 },
    ];
    // 8 for the expected 10: a step of -2, zigzag 3, doubled 6. 7 for 9 in another image: 7, then 5. 10 for
    // 8: zigzag 4, doubled 8.
    expect([...write(lines, 10, 4)]).toEqual([3, 2, 6, 7, 5, 8, 1, 1, 8, 9]);
  });
});

test('any sequence is read as it was written', () => {
  const random = seeded(11);
  const table = new TableWriter();
  const operandsOf = (name: string): Line => {
    const { operands } = codec(name);
    const far = random() % 3 === 0 ? random() * 2 ** 10 : random() % 50;
    return {
      name,
      segment: operands.bytes ? random() % 7 : 0,
      fill: operands.fill ? random() % 256 : 0,
      image: operands.reference ? random() % 4 : 0,
      page: operands.reference ? far : 0,
      bytes: operands.bytes === 'own' ? random() % 70_000 : 0,
    };
  };
  for (let round = 0; round < 300; round++) {
    const lines: Line[] = [];
    while (lines.length < 1 + (random() % 200)) {
      const { name } = PAGE_CODECS[random() % PAGE_CODECS.length]!;
      const line = operandsOf(name);
      for (let n = random() % 5; n >= 0; n--) lines.push({ ...operandsOf(name), segment: line.segment });
    }
    const firstPage = random() % 1000;
    const parent = random() % 3;
    const bytes = write(lines, firstPage, parent, table);
    expect(table.length).toBe(bytes.length);
    expect(read(bytes, lines.length, firstPage, parent)).toEqual(lines);
  }
});

test('a run of pages without operands can be passed over at once', () => {
  const table = new TableWriter();
  table.start(0, 0);
  table.add(codec('zero'), 1000);
  table.addFill(codec('fill'), 9);
  const reader = new TableReader(table.finish(), 'table', 1001, 0, 0);
  expect(reader.next().codec.name).toBe('zero');
  expect(reader.sameRun()).toBe(999);
  reader.skip(999);
  const entry = reader.next();
  expect([entry.codec.name, entry.fill, reader.sameRun()]).toEqual(['fill', 9, 0]);
  reader.end();
});

describe('a table is refused', () => {
  const refused: [string, number[], RegExp][] = [
    ['with a run of no pages', [1, 0], /table: a run of 0 pages where 3 are left/],
    ['with a run of more pages than the frame has', [1, 4], /a run of 4 pages where 3 are left/],
    ['with too few pages', [1, 2], /table: ends at byte 2, needs 1 more/],
    ['that goes on', [1, 3, 0], /table: 1 bytes too many/],
    ['with a codec that is not known', [12, 3], /codec id 12: this version knows 0 … 11/],
    ['with a count that is too long', [1, 0x83, 0x00], /a number longer than it needs to be/],
    ['that ends before its segment', [0, 3], /ends at byte 2, needs 1 more/],
    ['that ends before a fill byte', [2, 3, 5, 5], /ends at byte 4, needs 1 more/],
    ['that ends before a length', [5, 3, 1, 20, 20], /ends at byte 5, needs 1 more/],
    ['that ends before an image', [3, 3, 0, 0, 1], /ends at byte 5, needs 1 more/],
    ['with a reference before page 0', [3, 3, 2 * 3, 0, 0], /a reference to page -2/],
    ['that is empty', [], /ends at byte 0, needs 1 more/],
  ];
  test.each(refused)('%s', (_, bytes, message) => {
    expect(() => read(Uint8Array.from(bytes), 3, 0, 0)).toThrow(message);
  });

  test('with fewer pages than it was said to have, at its end', () => {
    const table = new TableReader(Uint8Array.of(1, 2), 'table', 3, 0, 0);
    table.next();
    table.next();
    expect(() => table.end()).toThrow('table: 1 pages too few');
  });
});

test('any bytes are a table or a refusal', () => {
  const random = seeded(12);
  for (let n = 0; n < 20_000; n++) {
    const bytes = Uint8Array.from({ length: random() % 24 }, () => (random() & 1 ? random() % 13 : random()));
    try {
      read(bytes, 1 + (random() % 20), random() % 100, random() % 3);
    } catch (error) {
      expect(error).toBeInstanceOf(PageferryError);
    }
  }
});
