import { expect, test } from 'vitest';
import { type Profile, profile } from '../reference/profile.js';
import { seeded, testKernels } from '../support/kernels.js';

const FIELDS: (keyof Profile)[] = [
  'zeroWords',
  'repeatedWords',
  'dictionaryWords',
  'runs',
  'runBytes',
  'changedBytes',
  'changedRuns',
  'estimatedBytes',
  'zeroBytes',
];
const PROFILE_BYTES = 1280;

const kernels = await testKernels();
const page = kernels.reserve(65536 + 64, 'page');
const base = kernels.reserve(65536 + 64, 'base');
const out = kernels.reserve(PROFILE_BYTES + 64, 'profile');
const view = new DataView(kernels.bytes.buffer);

function each(into: Uint8Array, byte: (i: number) => number): void {
  for (let i = 0; i < into.length; i++) into[i] = byte(i);
}

/** Fills `into` with a page that is like those of real memory, or at a border of a field's definition. */
const KINDS: Record<string, (into: Uint8Array, random: () => number) => void> = {
  zero: (into) => into.fill(0),
  same: (into) => into.fill(0x41),
  random: (into, random) => each(into, () => random()),
  sparse: (into, random) => {
    into.fill(0);
    for (let i = 0; i < into.length; i += 1 + (random() % 200)) into[i] = random();
  },
  pointers: (into, random) => {
    const words = new DataView(into.buffer, into.byteOffset, into.length);
    into.fill(0);
    for (let i = 0; i + 8 <= into.length; i += 8) {
      words.setUint32(i, 0x80000000 + (random() % 4096) * 16, true);
      words.setUint32(i + 4, random() % 3 ? 0xffff8881 : 0, true);
    }
  },
  text: (into, random) => {
    const text = ['the ', 'page ', 'that is ', 'sent ', 'once, ', 'or not\n'];
    let line = '';
    while (line.length < into.length) line += text[random() % text.length];
    each(into, (i) => line.charCodeAt(i));
  },
  runs: (into, random) => {
    for (let i = 0; i < into.length; ) {
      const end = i + 1 + (random() % 9);
      into.fill(random() & 3, i, end);
      i = end;
    }
  },
  'small numbers': (into, random) => each(into, (i) => (i % 4 ? 0 : random() % 5)),
  'repeated words': (into, random) => {
    for (let i = 0; i < into.length; i += 4) {
      if (i === 0 || random() % 3 === 0) into.set([random(), random(), 0, 1].slice(0, into.length - i), i);
      else into.copyWithin(i, i - 4, i);
    }
  },
};

function runKernel(bytes: number, withBase: boolean): Profile {
  kernels.bytes.fill(0xdd, out, out + PROFILE_BYTES + 64);
  kernels.run.profilePage(page, withBase ? base : 0, bytes, out);
  expect(
    kernels.bytes.subarray(out + PROFILE_BYTES, out + PROFILE_BYTES + 64).every((byte) => byte === 0xdd),
  ).toBe(true);
  return Object.fromEntries(
    FIELDS.map((field, i) => [field, view.getUint32(out + 4 * i, true)]),
  ) as unknown as Profile;
}

const LENGTHS = [
  ...Array.from({ length: 300 }, (_, i) => i + 1),
  1000,
  2047,
  4032,
  4093,
  4095,
  4096,
  4100,
  16384,
  65535,
  65536,
];

for (const [kind, fill] of Object.entries(KINDS)) {
  test(`profiles ${kind} pages of any size as the reference does`, () => {
    const random = seeded(17);
    for (const bytes of LENGTHS) {
      const slot = kernels.bytes.subarray(page, page + bytes + 64);
      // what lies behind the page goes on as the page does: it must not count
      fill(slot, random);
      kernels.bytes.copyWithin(base, page, page + bytes + 64);
      const changes = random() % 6;
      for (let i = 0; i < changes; i++) {
        const at = random() % bytes;
        kernels.bytes.fill(random(), base + at, base + Math.min(at + (random() % 20), bytes));
      }
      kernels.bytes[base + bytes]! ^= 1;
      const content = slot.subarray(0, bytes);
      expect(runKernel(bytes, false), `${bytes} bytes`).toEqual(profile(content));
      expect(runKernel(bytes, true), `${bytes} bytes`).toEqual(
        profile(content, kernels.bytes.subarray(base, base + bytes)),
      );
    }
  });
}

test('the slot before and the slack behind the page do not count', () => {
  const random = seeded(23);
  for (const bytes of [60, 64, 66, 68, 128, 4096]) {
    const slot = kernels.bytes.subarray(page, page + bytes + 64);
    KINDS['repeated words']!(slot, random);
    const before = runKernel(bytes, false);
    slot.fill(0x77, bytes);
    expect(runKernel(bytes, false)).toEqual(before);
  }
});

test('the estimate says that random pages do not shrink and that patterned ones do', () => {
  const random = seeded(29);
  const content = kernels.bytes.subarray(page, page + 4096);
  for (let i = 0; i < 500; i++) {
    KINDS.random!(content, random);
    expect(runKernel(4096, false).estimatedBytes).toBeGreaterThanOrEqual(0.95 * 4096);
  }
  for (const kind of ['zero', 'same', 'sparse', 'small numbers']) {
    KINDS[kind]!(content, random);
    expect(runKernel(4096, false).estimatedBytes, kind).toBeLessThan(0.4 * 4096);
  }
});

test('profiles pages at odd addresses', () => {
  const random = seeded(31);
  for (const shift of [1, 7, 30]) {
    for (const fill of Object.values(KINDS)) {
      const content = kernels.bytes.subarray(page + shift, page + shift + 4096);
      fill(content, random);
      kernels.run.profilePage(page + shift, 0, 4096, out);
      const got = Object.fromEntries(FIELDS.map((field, i) => [field, view.getUint32(out + 4 * i, true)]));
      expect(got).toEqual(profile(content));
    }
  }
});

test('reads nothing behind the slack', async () => {
  // page and base end 64 bytes before the memory does: a read past the slack would trap
  const small = await testKernels(131072);
  const end = small.bytes.length - small.run.SLOT_SLACK.value;
  const slot = small.reserve(PROFILE_BYTES, 'profile');
  for (const bytes of LENGTHS.filter((n) => n <= 16384))
    small.run.profilePage(end - bytes, end - bytes, bytes, slot);
});
