// Puts that go on where one was ended, what is kept beside a snapshot, and lists by label.
import fs from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { traceText } from '../../src/store/trace.js';
import { openStore, readTrace } from '../../src/store.js';
import { done, fails } from '../cli/in-process.js';
import { guestImage, laterImage } from '../support/images.js';
import { imageOf, PAGE, storeFolder } from './support.js';

const stores = storeFolder();
const file = (name: string) => join(stores.path, name);
const first = guestImage(PAGE, 1, 100);
const second = laterImage(first, PAGE, 2);
const third = laterImage(second, PAGE, 3);
for (const [name, image] of Object.entries({ first, second, third })) fs.writeFileSync(file(name), image);
const trace = (...lines: string[]) => `${['pageferry trace 1', ...lines].join('\n')}\n`;

async function newStore(): Promise<string> {
  const store = await stores.create();
  await store.close();
  return store.dir;
}

test('put --skip-existing goes on after the images that are stored', async () => {
  const dir = await newStore();
  const put = ['store', 'put', '-s', dir, '--skip-existing', '--threads', '1'];
  await done([...put, file('first'), file('second')]);
  const before = (await done(['store', 'stats', '-s', dir, '--json'])).stdout.toString();
  const again = await done([...put, file('first'), file('second')]);
  expect(again.stdout.toString()).toBe(
    'first: skipped: the store has it, with the same content\n' +
      'second: skipped: the store has it, with the same content\n',
  );
  expect((await done(['store', 'stats', '-s', dir, '--json'])).stdout.toString()).toBe(before);
  const rest = (await done([...put, file('second'), file('third'), '--json'])).stdout.toString();
  const [skipped, stored] = rest
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(skipped).toMatchObject({ name: 'second', isSkipped: true });
  expect(stored).toMatchObject({ name: 'third', parent: 'second' });
  const store = await openStore(dir);
  expect(Buffer.compare(await imageOf(store, 'third'), third)).toBe(0);
  await store.close();
});

test('a skipped snapshot without the labels of --label is reported with its own', async () => {
  const dir = await newStore();
  const put = ['store', 'put', '-s', dir, file('first'), '--skip-existing'];
  const skip = async (...labels: string[]) =>
    (await done([...put, ...labels.flatMap((label) => ['--label', label])])).stdout.toString();
  const same = 'first: skipped: the store has it, with the same content';
  const remedy = '(to change them, store rm first, and put it again)';
  await skip();
  expect(await skip('guest=web')).toBe(`${same}; its labels are not changed: none ${remedy}\n`);
  await done(['store', 'rm', 'first', '-s', dir]);
  expect(await skip('guest=web', 'kind=nightly')).toMatch(/ 0 new in 0 bytes;/);
  for (const labels of [[], ['guest=web'], ['kind=nightly', 'guest=web']])
    expect(await skip(...labels)).toBe(`${same}\n`);
  for (const label of ['guest=db', 'guest=', 'other=web'])
    expect(await skip('kind=nightly', label)).toBe(
      `${same}; its labels are not changed: guest=web kind=nightly ${remedy}\n`,
    );
  const labeled = async (label: string) =>
    JSON.parse((await done([...put, '--label', label, '--json'])).stdout.toString());
  expect(await labeled('guest=web')).toMatchObject({ isSkipped: true, isLabeled: true });
  expect(await labeled('guest=db')).toMatchObject({
    isSkipped: true,
    isLabeled: false,
    labels: { guest: 'web', kind: 'nightly' },
  });
});

test('an image of another content, order or size is not skipped, and changes nothing', async () => {
  const dir = await newStore();
  await done(['store', 'put', '-s', dir, file('first')]);
  const swapped = first.slice();
  swapped.set(first.subarray(0, PAGE), PAGE);
  swapped.set(first.subarray(PAGE, 2 * PAGE));
  const others = { swapped, second, shorter: first.subarray(0, -1), longer: Buffer.concat([first, first]) };
  for (const [name, image] of Object.entries(others)) {
    fs.writeFileSync(file('other'), image);
    await fails(
      1,
      ['store', 'put', '-s', dir, file('other'), '--name', 'first', '--skip-existing'],
      /has a snapshot first of other content than .*other; remove it first, or give another --name/,
    );
    const store = await openStore(dir);
    expect(Buffer.compare(await imageOf(store, 'first'), first), name).toBe(0);
    expect((await store.check({ readData: true })).problems).toEqual([]);
    await store.close();
  }
  await fails(1, ['store', 'put', '-s', dir, file('first')], /has a snapshot first already/);
});

test('a trace is kept beside its snapshot: repack uses it, and rm removes both', async () => {
  const dir = await newStore();
  fs.writeFileSync(file('trace'), trace(`image web ${first.length}`, '3 1', '0 2'));
  fs.writeFileSync(file('state'), 'registers');
  const beside = ['--trace', file('trace'), '--state', file('state')];
  await done(['store', 'put', '-s', dir, file('first'), ...beside]);
  await done(['store', 'put', '-s', dir, file('second'), '--parent', 'first']);
  // Of another name and snapshot: a clone's trace is of use for its template.
  await done(['store', 'get', 'first.trace', '-s', dir, '-o', file('got')]);
  expect(traceText(readTrace(file('got')))).toBe(trace(`image first ${first.length}`, '3 1', '0 2'));
  const again = await done(['store', 'put', '-s', dir, file('first'), ...beside, '--skip-existing']);
  expect(again.stdout.toString()).toMatch(/^first: skipped/);
  expect((await done(['store', 'repack', 'first', '-s', dir])).stdout.toString()).toMatch(
    /^first: 2 pages in 1 frame of /,
  );
  await fails(
    2,
    ['store', 'repack', 'second', '-s', dir],
    /--trace TRACE is required: the store has no trace/,
  );
  await done(['store', 'rm', 'first', '-s', dir]);
  const store = await openStore(dir);
  expect(store.list().map(({ name }) => name)).toEqual(['second']);
  await store.close();
});

test('a trace that is not of the image is refused, and leaves nothing', async () => {
  const dir = await newStore();
  const put = ['store', 'put', '-s', dir, file('first'), '--trace', file('trace')];
  fs.writeFileSync(file('trace'), trace(`image web ${first.length + 1}`, '3 1'));
  await fails(1, put, /trace: is of an image of \d+ bytes, first has \d+/);
  fs.writeFileSync(file('trace'), trace('image a 8192', '0 1', 'image b 8192', '0 1'));
  await fails(1, put, /trace: is not of an image first/);
  await fails(2, [...put, file('second')], /--trace: belongs to one image/);
  expect((await done(['store', 'list', '-s', dir])).stdout.toString()).toBe('no snapshots\n');
});

test('prune keeps a snapshot with what is kept beside it, and counts it once', async () => {
  const dir = await newStore();
  fs.writeFileSync(file('state'), 'registers');
  for (const name of ['first', 'second', 'third'])
    await done(['store', 'put', '-s', dir, file(name), '--state', file('state')]);
  const { stdout } = await done(['store', 'prune', '-s', dir, '--keep-last', '2', '--json']);
  const { kept, removed } = JSON.parse(stdout.toString());
  expect(kept.map(({ name }: { name: string }) => name).sort()).toEqual([
    'second',
    'second.state',
    'third',
    'third.state',
  ]);
  expect(removed.sort()).toEqual(['first', 'first.state']);
});

test('list --label, and numbers of one', async () => {
  const dir = await newStore();
  await done(['store', 'put', '-s', dir, file('first'), '--label', 'guest=web', '--label', 'kind=nightly']);
  await done(['store', 'put', '-s', dir, file('second'), '--label', 'guest=db']);
  const names = async (...labels: string[]) => {
    const args = labels.flatMap((label) => ['--label', label]);
    const { stdout } = await done(['store', 'list', '-s', dir, '--json', ...args]);
    return JSON.parse(stdout.toString()).snapshots.map(({ name }: { name: string }) => name);
  };
  expect(await names()).toEqual(['first', 'second']);
  expect(await names('guest=web')).toEqual(['first']);
  expect(await names('guest=web', 'kind=nightly')).toEqual(['first']);
  expect(await names('guest=db', 'kind=nightly')).toEqual([]);
  const { stdout } = await done(['store', 'list', '-s', dir, '--label', 'guest=none']);
  expect(stdout.toString()).toBe('no snapshots with these labels\n');
  await done(['store', 'rm', 'second', '-s', dir]);
  expect((await done(['store', 'check', '-s', dir])).stdout.toString()).toMatch(
    /^1 snapshot, \d+ frames, 1 pack: 0 problems\n$/,
  );
});
