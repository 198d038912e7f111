// Failures a user meets: the command exits with 1 and one line, and leaves no partial output.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { makeCore } from '../image/elf-support.js';
import { crafter } from '../support/craft.js';
import {
  asUnprivilegedUser,
  CLI,
  cli,
  done,
  fails,
  folders,
  guest,
  hasProgram,
  later,
  PAGE,
  random,
} from './cli.js';

const newFolder = folders();
const input = newFolder();
const inside = (name: string) => join(input, name);
const put = (name: string, bytes: Uint8Array) => {
  fs.writeFileSync(inside(name), bytes);
  return inside(name);
};
const image = guest(5, 12, 33);
const a = put('a.raw', image);
const b = put('b.raw', later(image, 6));
const [one, two, based] = [inside('one.pf'), inside('two.pf'), inside('based.pf')];
await Promise.all([
  done(['pack', a, '-o', one, '--link', '10Mbit']),
  done(['pack', a, b, '-o', two]),
  done(['pack', b, '--base', a, '-o', based]),
]);
const packed = fs.readFileSync(one);
const unprivileged = asUnprivilegedUser();
const craft = await crafter();

let turn = 0;

/**
 * Fails with `-o` into a folder of its own, which must stay empty; every other time it contains a file, which
 * must stay unchanged.
 */
async function failsInto(args: readonly string[], message: RegExp, options = {}): Promise<void> {
  const folder = newFolder();
  fs.chmodSync(folder, 0o777);
  const out = join(folder, 'out');
  if (turn++ % 2 === 0) {
    await fails(1, [...args, '-o', out], message, options);
    expect(fs.readdirSync(folder)).toEqual([]);
    return;
  }
  fs.writeFileSync(out, 'mine');
  fs.chmodSync(out, 0o666);
  await fails(1, [...args, '-o', out, '--json'], message, options);
  expect([fs.readdirSync(folder), fs.readFileSync(out, 'utf8')]).toEqual([['out'], 'mine']);
}

describe('images that cannot be read', () => {
  const cases: [string, string[], RegExp][] = [
    ['missing', ['pack', inside('nope')], /nope: cannot open: no such file or directory \(ENOENT\)/],
    [
      'the second one missing',
      ['pack', a, inside('nope')],
      /nope: cannot open: no such file or directory \(ENOENT\)/,
    ],
    [
      'a missing base',
      ['pack', a, '--base', inside('nope')],
      /nope: cannot open: no such file or directory \(ENOENT\)/,
    ],
    ['a directory', ['pack', input], /: is a directory; name an image file in it/],
    ['below a file', ['pack', join(a, 'x')], /a.raw\/x: cannot open: not a directory \(ENOTDIR\)/],
    [
      'a core that was cut',
      ['pack', put('cut.core', makeCore([{ bytes: image }]).subarray(0, -PAGE))],
      /cut.core: /,
    ],
  ];
  test.concurrent.each(cases)('%s', (_, args, message) => failsInto(args, message));
  test.skipIf(!unprivileged)(
    'without permission (skipped unless root, and others can read the program)',
    async () => {
      const secret = put('secret.raw', random(PAGE, 1));
      fs.chmodSync(secret, 0o600);
      await failsInto(
        ['pack', secret],
        /secret.raw: cannot open: permission denied \(EACCES\)/,
        unprivileged,
      );
      await fails(
        1,
        ['pack', a, '-o', '/unprivileged.pf'],
        /unprivileged.pf: cannot create: permission denied \(EACCES\)/,
        unprivileged,
      );
    },
  );
  test('analyze reports it too', async () => {
    await fails(1, ['analyze', inside('nope')], /nope: cannot open: no such file or directory \(ENOENT\)/);
    await fails(1, ['analyze', a, input, '--json'], /is a directory; name an image file in it/);
  });
});

describe('files that are not valid streams', () => {
  const version = Buffer.concat([craft.header({ version: 2 }), packed.subarray(24)]);
  const flipped = (at: number) => {
    const bytes = Buffer.from(packed);
    bytes[at]! ^= 0x40;
    return bytes;
  };
  const files: [string, Uint8Array, RegExp, RegExp?][] = [
    [
      'empty',
      Buffer.alloc(0),
      /is empty, not a pageferry stream; name a file that pageferry pack has written\n$/,
    ],
    [
      'an image',
      image,
      /not a pageferry stream: .*; name a file that pageferry pack has written, or pack this one first\n$/,
    ],
    ['text', Buffer.from('These are not the bytes you are looking for.\n'), /not a pageferry stream/],
    ['a compressed stream', gzipSync(packed), /is a file of the kind gzip; decompress it first/],
    [
      'an exported snapshot',
      Buffer.from('PFSTEXPT'),
      /stream of pageferry store export; pageferry store import takes it/,
    ],
    [
      'of a future version',
      version,
      /stream version 2: this reader knows version 1; it is damaged, or from a newer version of pageferry\n$/,
    ],
    [
      'cut in its magic',
      packed.subarray(0, 7),
      /ends at byte 7: truncated/,
      /no stream header of 24 bytes at 0: truncated/,
    ],
    [
      'fewer bytes than the magic',
      Buffer.from('abc'),
      /not a pageferry stream: it does not begin with the magic/,
    ],
    ['its header alone', packed.subarray(0, 24), /ends at byte 24: truncated/, /does not end with an index/],
    [
      'cut in the middle',
      packed.subarray(0, packed.length >> 1),
      /truncated in record \d+/,
      /does not end with an index/,
    ],
    [
      'short of its last byte',
      packed.subarray(0, -1),
      /truncated in record \d+, after the end/,
      /does not end with an index/,
    ],
    [
      'going on after its end',
      Buffer.concat([packed, packed]),
      /data after the end of the stream/,
      /bad|damaged|trailer|index/,
    ],
    ['a byte flipped in a frame', flipped(packed.length >> 1), /damaged, its check does not match/],
    ['a byte flipped in its header', flipped(13), /stream header: check is/],
    ['a byte flipped in its index', flipped(packed.length - 50), /damaged|record|trailer|index/],
  ];
  test.concurrent.each(files)('%s', async (name, bytes, message, byIndex = message) => {
    const file = put(`${name}.pf`, bytes);
    const named = (of: RegExp) => new RegExp(`^pageferry: ${file}: .*(${of.source})`);
    await fails(1, ['verify', file, '--json'], named(byIndex));
    await fails(1, ['verify', '-'], new RegExp(`^pageferry: standard input: .*(${message.source})`), {
      input: bytes,
    });
    await failsInto(['unpack', '-'], new RegExp(`^pageferry: standard input: .*(${message.source})`), {
      input: bytes,
    });
    await failsInto(['unpack', file, '--image', '0'], named(byIndex));
  });
  test.skipIf(process.platform === 'win32')('/dev/null is called empty too', async () => {
    await fails(
      1,
      ['verify', '/dev/null'],
      /^pageferry: \/dev\/null: is empty, not a pageferry stream; name/,
    );
    await failsInto(
      ['unpack', '/dev/null'],
      /^pageferry: \/dev\/null: is empty, not a pageferry stream; name/,
    );
  });
  test('missing, or a directory', async () => {
    for (const args of [
      ['verify'],
      ['unpack', '-o', inside('never')],
      ['unpack', '--image', '0', '-o', inside('never')],
    ]) {
      await fails(1, [...args, inside('nope')], /nope: cannot open: no such file or directory \(ENOENT\)/);
      await fails(1, [...args, input], /is a directory; name a packed file/);
    }
  });
});

test('a base that is missing or different', async () => {
  for (const more of [[], ['--image', '0']]) {
    await failsInto(
      ['unpack', based, ...more],
      /based.pf: needs the base image ".*a.raw" with digest [0-9a-f]{32}.*; name it with --base$/m,
    );
    await failsInto(
      ['unpack', based, '--base', b, ...more],
      /based.pf: needs the base image ".*a.raw" with digest/,
    );
  }
  await fails(1, ['verify', '-', '--base', b], /given: .*b.raw \([0-9a-f]{32}\)/, {
    input: fs.readFileSync(based),
  });
});

test('images and pages that do not exist', async () => {
  await fails(
    2,
    ['unpack', two, '--pages', '0-5', '-o', inside('z')],
    /--pages: the stream has 2 images; name one with --image/,
  );
  await failsInto(['unpack', two, '--image', '2'], /two.pf: has 2 images, no image 2/);
  await failsInto(['unpack', '-', '--image', '2'], /standard input: has 2 images, no image 2/, {
    input: fs.readFileSync(two),
  });
  const pages = Math.ceil(image.length / PAGE);
  await failsInto(
    ['unpack', one, '--pages', `0-${pages}`],
    new RegExp(`one.pf: image 0 has ${pages} pages, no page ${pages}`),
  );
  await failsInto(['unpack', one, '--pages', '99999999999999999999'], /one.pf: image 0 has/);
});

describe.skipIf(process.platform !== 'linux')(
  'processes that cannot be captured (skipped except on Linux)',
  () => {
    test('no such process', () => failsInto(['capture', '--pid', '4194304'], /pid 4194304: no such process/));
    test.skipIf(!unprivileged)('it belongs to another user (skipped unless root)', () =>
      failsInto(
        ['capture', '--pid', String(process.pid)],
        /pid \d+: its memory may not be read: E\w+: it belongs to another/,
        unprivileged,
      ),
    );
  },
);

test.skipIf(!hasProgram('bash'))(
  'closed standard streams do not hang or crash it (skipped without bash)',
  async () => {
    for (const redirections of ['<&-', '>&-', '2>&-', '<&- >&- 2>&-']) {
      const command = `"$0" "${CLI}" pack - -o /dev/null ${redirections}`;
      const { status, signal } = spawnSync('bash', ['-c', command, process.execPath], {
        input: image,
        timeout: 100_000,
      });
      expect([redirections, signal, status === 0 || status === 1]).toEqual([redirections, null, true]);
    }
    expect((await cli(['--version'])).code).toBe(0);
  },
);
