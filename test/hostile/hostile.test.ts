// A small part of what `npm run fuzz` does, the same every time. docs/hostile-input.md says what it proves.
import { expect, test } from 'vitest';
import { report, runShard, type Shard, summed } from './shard.js';

const SEED = 20_000;

async function run(shard: Omit<Shard, 'seed'>) {
  const { tally, failures } = await runShard({ seed: SEED, ...shard });
  expect(failures).toEqual([]);
  console.log(report(SEED, tally));
  const refused = Object.values(tally.errors).reduce((sum, times) => sum + times, 0);
  return { ...tally, refused, said: Object.keys(tally.messages).join('\n') };
}

test('kernels give the right page or a status, and touch nothing else', async () => {
  const { inputs, right, refused, said } = await run({ kernel: { first: 0, step: 1, end: 20_000 } });
  expect(inputs).toBe(20_000);
  expect(right + refused).toBe(inputs);
  for (const codec of ['rle', 'zero-aware', 'xbzrle', 'wkdm', 'lz4', 'unpackLz4']) {
    expect(said).toContain(`${codec} ends in the middle of a token`);
    expect(said).toContain(`${codec} continues after the page is full`);
    expect(said).toContain(
      `${codec === 'unpackLz4' ? 'lz4' : codec} encoder takes more than the output capacity`,
    );
  }
});

test('the zstd decoder gives the content or a status, and touches nothing else', async () => {
  const { inputs, right, refused, said } = await run({ zstd: { first: 0, step: 1, end: 8000 } });
  expect(inputs).toBe(8000);
  expect(right + refused).toBe(inputs);
  expect(right).toBeGreaterThan(1000);
  for (const end of [
    'ends in the middle of a token',
    'takes more than the output capacity',
    'has a token that no encoder writes',
    'ends before the page is full',
    'does not start with a header of its format',
    'needs a larger window than the limit',
    'needs a dictionary',
    'does not match its checksum',
  ])
    expect(said).toContain(`zstd ${end}`);
});

test('the decoder gives the images that were packed or a PageferryError', async () => {
  const { inputs, right, refused, errors, said } = await run({ stream: { first: 0, step: 1, end: 2500 } });
  expect(right + refused).toBe(inputs);
  expect(Object.keys(errors).sort()).toEqual([
    'bad-stream',
    'limit',
    'not-identical',
    'unsupported',
    'wrong-base',
  ]);
  // As deep as there is anything to reach: records, segments, tables, pages, references, digests.
  for (const depth of [
    'damaged or out of place',
    'lz# ends in the middle of a token',
    'table: a run of # pages',
    'page #: rle ',
    'page #: xbzrle ',
    'page #: wkdm ',
    'page #: zero-aware ',
    'refers to page #',
    'digest digest, sent was digest',
  ])
    expect(said).toContain(depth);
});

test('the page reader gives pages of the images that were packed or a PageferryError', async () => {
  const { inputs, right, refused, said } = await run({ file: { first: 0, step: 1, end: 1500 } });
  expect(right + refused).toBe(inputs);
  for (const depth of [
    'index',
    'trailer',
    'end record',
    'in no frame of the index',
    'digest digest, sent was digest',
  ])
    expect(said).toContain(depth);
});

test('a store gives pages of its snapshots or a PageferryError', async () => {
  const { inputs, right, refused, errors, said } = await run({ store: { first: 0, step: 1, end: 1000 } });
  expect(right + refused).toBe(inputs);
  expect(Object.keys(errors)).toContain('bad-stream');
  for (const depth of [
    'its check differs',
    'its head is damaged',
    'table: ',
    'zstd frame ',
    'the delta of slot # ',
    'manifest: ',
    'record: ',
    'the digest of its # bytes differs',
  ])
    expect(said).toContain(depth);
});

test('an image file comes back unchanged, or is refused with a PageferryError', async () => {
  const { inputs, right, refused, errors, said } = await run({ image: { first: 0, step: 1, end: 1500 } });
  expect(right + refused).toBe(inputs);
  expect(Object.keys(errors)).toEqual(expect.arrayContaining(['bad-image', 'bad-stream', 'unsupported']));
  for (const depth of [
    'it is truncated',
    'container of "…": ',
    'are not a page that',
    '/directory/',
    'guest.save: ',
  ])
    expect(said).toContain(depth);
});

test('an input does not depend on the shard that runs it, nor on earlier inputs', async () => {
  const share = async (first: number, step: number) => {
    const part = { first, step, end: 120 };
    return runShard({ seed: SEED, kernel: part, stream: part, file: part, store: part, image: part });
  };
  const alone = await share(0, 1);
  const shared = summed([await share(0, 2), await share(1, 2)]);
  const counts = ({ tally: { inputs, right, errors, messages } }: typeof alone) => ({
    inputs,
    right,
    errors,
    messages,
  });
  expect(counts(shared)).toEqual(counts(alone));
  expect(shared.failures).toEqual([]);
});
