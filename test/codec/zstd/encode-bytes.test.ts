import { beforeAll, describe, expect, test } from 'vitest';
import { guestPages, loadLibzstd, type TestEncoder, testEncoder } from './encoder.js';

const library = loadLibzstd();
if (typeof library === 'string') console.warn(`zstd: skipped the sizes against libzstd, ${library}`);

describe.skipIf(typeof library === 'string')('bytes of the kinds of guest pages against libzstd', () => {
  const lib = library as Exclude<typeof library, string>;
  let encoder: TestEncoder;

  beforeAll(async () => {
    encoder = await testEncoder(1 << 20);
  });

  /** Encoded bytes of ours and of libzstd, of frames that have one kind of page each. */
  async function totals(frameBytes: number, level: number): Promise<{ ours: number; theirs: number }> {
    let [ours, theirs] = [0, 0];
    for (let seed = 1; seed <= (frameBytes > 65536 ? 2 : 8); seed++) {
      for (const [name, content] of await guestPages(frameBytes, seed)) {
        const frame = encoder.encode(content, level);
        if (typeof frame === 'number') expect.unreachable(`${name}: status ${frame}`);
        ours += frame.length;
        theirs += lib.encodedBytes(content, level);
      }
    }
    return { ours, theirs };
  }

  test.each([
    [4096, 1, 1.01],
    [4096, 3, 1.01],
    [65536, 1, 1.01],
    [65536, 3, 1.01],
    [1 << 20, 1, 1.01],
    [1 << 20, 3, 1.01],
    [65536, 9, 1.03],
  ])('frames of %i bytes at level %i: at most %f of libzstd', async (frameBytes, level, limit) => {
    const { ours, theirs } = await totals(frameBytes, level);
    expect(ours / theirs, `${ours} bytes against ${theirs}`).toBeLessThanOrEqual(limit);
  });

  test('the highest level: every limit of code lengths and accuracy of a table is compared by bytes', async () => {
    const totals = { ours: 0, theirs: 0 };
    for (const [name, content] of await guestPages(32 << 10, 3)) {
      const frame = encoder.encode(content, 22);
      if (typeof frame === 'number') expect.unreachable(`${name}: status ${frame}`);
      totals.ours += frame.length;
      totals.theirs += lib.encodedBytes(content, 22);
    }
    expect(totals.ours).toBeLessThanOrEqual(145_595);
    expect(totals.ours).toBeLessThanOrEqual(totals.theirs);
  });

  test('slower levels take fewer bytes', async () => {
    for (const frameBytes of [4096, 65536]) {
      const bytes: number[] = [];
      for (const level of [-7, -1, 1, 3, 9]) bytes.push((await totals(frameBytes, level)).ours);
      expect(bytes).toEqual(bytes.toSorted((a, b) => b - a));
      expect(new Set(bytes).size).toBe(bytes.length);
    }
  });
});
