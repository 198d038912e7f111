import { expect, test } from 'vitest';
import { matchImages, parseTrace, TraceRecorder, traceText } from '../../src/store/trace.js';
import { seeded } from '../support/kernels.js';

const images = [
  { name: 'a', bytes: 100_000 },
  { name: 'b', bytes: 5000 },
];

function recorded() {
  const recorder = new TraceRecorder(images);
  recorder.add(0, 8192, 8192);
  recorder.add(0, 4096, 16_384); // pages 2 and 3 are known
  recorder.add(1, 4096, 904);
  recorder.add(0, 0, 4096);
  recorder.add(0, 8192, 100);
  return recorder.finish();
}

test('has the first read of each page, in order', () => {
  const text = 'pageferry trace 1\nimage a 100000\n2 2\n1 1\n4 1\nimage b 5000\n1 1\nimage a 100000\n0 1\n';
  expect(traceText(recorded())).toBe(text);
  expect(traceText(parseTrace(text, 't'))).toBe(text);
});

test.each([
  ['', 't, line 1: is not "pageferry trace 1"'],
  ['pageferry trace 2\n', 't: a trace of version 2'],
  ['pageferry trace 1\n1 1\n', 't, line 2: pages of no image'],
  ['pageferry trace 1\nimage a 4097\n1 2\n', 't, line 3: pages 1 to 2 of an image of 2 pages'],
  ['pageferry trace 1\nimage a 4097\n1 0\n', 't, line 3: pages 1 to 0'],
  ['pageferry trace 1\nimage a 4097\n0 999999999999999\n', 't, line 3: pages 0 to'],
  ['pageferry trace 1\nimage ../a 4097\n', 't, line 2: is neither'],
  ['pageferry trace 1\nimage a 4097\nimage a 5000\n', 't, line 3: image a has 5000 bytes, and 4097 before'],
  ['pageferry trace 1\nimage a 4097\n0 1', 't, line 3: is not complete'],
])('a trace that is none is refused: %j', (text, message) => {
  expect(() => parseTrace(text, 't')).toThrow(message);
});

test('a mutated trace is refused or has pages of its images only', () => {
  const text = traceText(recorded());
  const random = seeded(4);
  let refused = 0;
  for (let n = 0; n < 5000; n++) {
    const bytes = Buffer.from(text);
    for (let k = random() % 4; k >= 0; k--)
      bytes[random() % bytes.length] = random() % 2 ? random() : 0x30 + (random() % 10);
    try {
      const trace = parseTrace(bytes.toString('latin1'), 't');
      for (const { image, first, count } of trace.runs)
        if ((first + count - 1) * 4096 >= trace.images[image]!.bytes)
          throw new Error(`beyond the end: ${bytes}`);
    } catch (error) {
      expect(error).toMatchObject({ name: 'PageferryError' });
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(500);
  expect(refused).toBeLessThan(5000);
});

test('is used for images of the same names, or for the only one', () => {
  const trace = parseTrace(traceText(recorded()), 't');
  expect(matchImages(trace, [images[1]!, images[0]!])).toEqual([1, 0]);
  expect(() => matchImages(trace, [images[0]!])).toThrow('t: is of an image b, which is not mounted');
  const one = parseTrace('pageferry trace 1\nimage template 8192\n0 2\n', 't');
  expect(matchImages(one, [{ name: 'clone', bytes: 8192 }])).toEqual([0]);
  expect(() => matchImages(one, [{ name: 'clone', bytes: 8191 }])).toThrow('has 8191');
});
