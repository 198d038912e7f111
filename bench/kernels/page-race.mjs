// Kernels that inspect pages: all contestants process one page set, their results are compared, then they are
// raced.
import { race } from '../race.mjs';
import { blake3Contestants, hashContestants } from './hashes.mjs';

export async function raceHash({ bits, buffers, set, functions, slowBytes, options }) {
  new Uint16Array(buffers.memory.buffer, buffers.classes, set.pages).fill(0);
  const { out } = set.encodings(0);
  const views = set.views(Math.min(slowBytes, set.pages * set.pageBytes));
  const contestants = await hashContestants(bits, buffers.kernels.run, functions, { ...set, out, views });
  verifyFamilies(contestants, views.length, buffers.memory.subarray(out, out + (set.pages * bits) / 8));
  return rowsOf('hash', contestants, options);
}

export async function raceBlake3({ buffers, set, slowBytes, options }) {
  const { out } = set.encodings(0);
  const slots = { key: set.encodings(1).out, scratch: buffers.scratch };
  const views = set.views(Math.min(slowBytes, set.pages * set.pageBytes));
  const contestants = await blake3Contestants(buffers.kernels.run, { ...set, out, views }, slots);
  verifyFamilies(contestants, views.length, buffers.memory.subarray(out, out + set.pages * 32));
  return rowsOf('hash', contestants, options);
}

/** Expect the same digest of each page from all contestants of a family. */
function verifyFamilies(contestants, pages, digests) {
  const expected = new Map();
  for (const contestant of contestants) {
    digests.fill(0);
    contestant.run();
    for (let i = 0; i < pages; i++) {
      const key = `${contestant.family}, page ${i}`;
      const digest = contestant.digest(i);
      if ((expected.get(key) ?? digest) !== digest)
        throw new Error(`${key}: ${contestant.name} returned ${digest}, expected ${expected.get(key)}`);
      expected.set(key, digest);
    }
  }
}

/** Contestants by name of the kernel. All of one kernel return the same number. */
const CONTESTANTS = {
  scan: ({ run, set, functions }) => [
    { name: 'ours', run: () => run.scanPages(set.src, set.pages, set.pageBytes, set.classes) },
    functions.scan_pages && {
      name: 'C with SSE2',
      peerKind: 'native',
      run: () =>
        functions.scan_pages(
          set.memory.subarray(set.src),
          set.pages,
          set.pageBytes,
          set.memory.subarray(set.classes),
        ),
    },
  ],
  compare: ({ run, set, functions, views, copies }) => [
    {
      name: 'ours',
      run: () => {
        let equal = 0;
        for (let i = 0; i < set.pages; i++)
          equal += run.pagesEqual(set.src + i * set.pageBytes, set.base + i * set.pageBytes, set.pageBytes);
        return equal;
      },
    },
    functions.memcmp_pages && {
      name: 'memcmp',
      peerKind: 'native',
      run: () =>
        functions.memcmp_pages(
          set.memory.subarray(set.src),
          set.memory.subarray(set.base),
          set.pages,
          set.pageBytes,
        ),
    },
    {
      name: 'Buffer.equals',
      peerKind: 'npm',
      run: () => {
        let equal = 0;
        for (let i = 0; i < views.length; i++) equal += views[i].equals(copies[i]);
        return equal;
      },
    },
  ],
  // There is no other implementation of these two; only their speed is printed.
  profile: ({ run, set, out }) => [
    {
      name: 'ours',
      run: () => {
        for (let i = 0; i < set.pages; i++)
          run.profilePage(set.src + i * set.pageBytes, 0, set.pageBytes, out);
      },
    },
  ],
  sketch: ({ run, set, out }) => [
    {
      name: 'ours',
      run: () => {
        for (let i = 0; i < set.pages; i++) run.sketchPage(set.src + i * set.pageBytes, set.pageBytes, out);
      },
    },
  ],
};

export async function racePages({ name, buffers, set, functions, options }) {
  set.baseView.set(set.srcView);
  const bytes = set.pages * set.pageBytes;
  const views = set.views(bytes);
  const copies = views.map((_, i) =>
    Buffer.from(buffers.memory.buffer, set.base + i * set.pageBytes, set.pageBytes),
  );
  const tools = { run: buffers.kernels.run, set, functions, views, copies, out: set.encodings(0).out };
  const contestants = CONTESTANTS[name](tools)
    .filter(Boolean)
    .map((contestant) => ({ ...contestant, bytes }));
  const [expected, ...others] = contestants.map((contestant) => contestant.run());
  if (others.some((result) => result !== expected))
    throw new Error(`${name}: expected ${expected}, got ${others}`);
  return rowsOf(name, contestants, options);
}

async function rowsOf(direction, contestants, options) {
  const [us, ...peers] = await race(contestants, options);
  const row = { direction, oursGBps: us.perSecond / 1e9, oursSpread: us.spread };
  if (peers.length === 0) return [{ ...row, peer: null, peerKind: null, peerGBps: null, ratio: null }];
  return peers.map((peer, i) => ({
    ...row,
    peer: peer.name,
    peerKind: contestants[i + 1].peerKind,
    peerGBps: peer.perSecond / 1e9,
    ratio: us.perSecond / peer.perSecond,
    peerSpread: peer.spread,
  }));
}
