import { expect, test } from 'vitest';
import { fillByte, pageClass, pagesEqual } from '../reference/scan.js';
import { seeded, testKernels } from '../support/kernels.js';

const kernels = await testKernels();
const { run, bytes } = kernels;
const a = kernels.reserve(16 * 65536, 'pages');
const b = kernels.reserve(65536 + 64, 'other page');
const classes = kernels.reserve(64, 'classes');
const view = new DataView(bytes.buffer);
/** Every length up to three 128-byte blocks, and the page sizes with their neighbours. */
const LENGTHS = [...Array.from({ length: 400 }, (_, i) => i + 1), 4095, 4096, 4097, 16384, 65535, 65536];

test('fillByte: every length, at any address, whatever lies around it', () => {
  for (const length of LENGTHS) {
    for (const byte of [0, 1, 0x80, 0xff]) {
      for (const shift of [0, 1, 13]) {
        bytes.fill(byte ^ 0x55, a, a + length + 64);
        bytes.fill(byte, a + 16 + shift, a + 16 + shift + length);
        bytes[a + 15 + shift] = byte ^ 1;
        bytes[a + 16 + shift + length] = byte ^ 1;
        expect(run.fillByte(a + 16 + shift, length), `${length} x ${byte}`).toBe(byte);
      }
    }
  }
});

test('fillByte and pagesEqual find one different byte at any position', () => {
  const random = seeded(3);
  for (const length of [
    1, 2, 7, 15, 16, 17, 31, 33, 64, 100, 127, 128, 129, 143, 144, 145, 255, 257, 4096, 4099,
  ]) {
    for (const fill of [0, 0xa5]) {
      bytes.fill(fill, a, a + length + 64);
      bytes.fill(fill, b, b + length + 64);
      for (let at = 0; at < length; at++) {
        bytes[a + at] = fill ^ (1 << (at & 7));
        const found = run.fillByte(a, length);
        if (found !== (length === 1 ? fill ^ 1 : -1))
          expect.fail(`fillByte of ${length} x ${fill}, other byte at ${at}: ${found}`);
        if (run.pagesEqual(a, b, length) || run.pagesEqual(b, a, length))
          expect.fail(`pagesEqual of ${length}, other byte at ${at}`);
        bytes[a + at] = fill;
      }
    }
    for (let i = 0; i < length; i++) bytes[a + i] = bytes[b + i] = random();
    for (let at = 0; at < length; at++) {
      bytes[b + at]! ^= 1 << (at & 7);
      if (run.pagesEqual(a, b, length))
        expect.fail(`pagesEqual of ${length} random bytes, other byte at ${at}`);
      bytes[b + at]! ^= 1 << (at & 7);
    }
    expect(run.pagesEqual(a, b, length)).toBe(1);
  }
});

test('pagesEqual: every length, bytes around do not matter', () => {
  const random = seeded(4);
  for (const length of LENGTHS) {
    for (let i = 0; i < length; i++) bytes[a + 5 + i] = bytes[b + 9 + i] = random();
    bytes[a + 4] = 1;
    bytes[b + 8] = 2;
    bytes[a + 5 + length] = 3;
    bytes[b + 9 + length] = 4;
    expect(run.pagesEqual(a + 5, b + 9, length), `${length}`).toBe(1);
  }
  expect(run.pagesEqual(a, b, 0)).toBe(1);
});

test('scanPages classes a batch as the reference does, and counts the normal pages', () => {
  const random = seeded(5);
  for (const pageBytes of [1, 5, 16, 63, 100, 4096, 16384, 65536]) {
    const pages = Array.from({ length: 16 }, (_, i) => {
      const page = bytes
        .subarray(a + i * pageBytes, a + (i + 1) * pageBytes)
        .fill(i % 4 === 0 ? 0 : random());
      if (i % 4 === 2) page[random() % pageBytes]! ^= 0x10;
      if (i % 4 === 3 && i % 8 === 3) for (let at = 0; at < pageBytes; at++) page[at] = random();
      return page;
    });
    bytes.fill(0xee, classes, classes + 64);
    const normal = run.scanPages(a, pages.length, pageBytes, classes);
    expect(normal).toBe(pages.filter((page) => fillByte(page) < 0).length);
    pages.forEach((page, i) => {
      expect(view.getUint16(classes + 2 * i, true)).toBe(pageClass(page));
    });
    expect(view.getUint16(classes + 2 * pages.length, true)).toBe(0xeeee);
    expect(run.pagesEqual(a, a + pageBytes, pageBytes)).toBe(Number(pagesEqual(pages[0]!, pages[1]!)));
  }
});

test('reads nothing outside the pages', async () => {
  const small = await testKernels(131072);
  const end = small.bytes.length;
  small.bytes.fill(7, end - 65536);
  for (const length of LENGTHS.filter((n) => n <= 16384)) {
    expect(small.run.fillByte(end - length, length)).toBe(7);
    expect(small.run.pagesEqual(end - length, end - length - 3, length)).toBe(1);
  }
});
