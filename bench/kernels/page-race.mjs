// Kernels that look at pages: one page set, everyone is checked, then raced.
import { race } from '../race.mjs';
import { hashContestants } from './hashes.mjs';

export async function raceHash({ bits, room, set, functions, slowBytes, options }) {
  new Uint16Array(room.memory.buffer, room.classes, set.pages).fill(0);
  const { out } = set.arena(0);
  const views = set.views(Math.min(slowBytes, set.pages * set.pageBytes));
  const contestants = await hashContestants(bits, room.kernels.run, functions, { ...set, out, views });
  proveFamilies(contestants, views.length, room.memory.subarray(out, out + (set.pages * bits) / 8));
  return rowsOf('hash', contestants, options);
}

/** Those of one family say the same of each page, whoever wrote there before. */
function proveFamilies(contestants, pages, digests) {
  const said = new Map();
  for (const contestant of contestants) {
    digests.fill(0);
    contestant.run();
    for (let i = 0; i < pages; i++) {
      const key = `${contestant.family}, page ${i}`;
      const digest = contestant.digest(i);
      if ((said.get(key) ?? digest) !== digest)
        throw new Error(`${key}: ${contestant.name} says ${digest}, not ${said.get(key)}`);
      said.set(key, digest);
    }
  }
}

/**
 * What is done to a page set by name: our kernel, and native and npm peers, all of which give one number that
 * must be the same.
 */
const LOOKS = {
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
  // Nobody else has these two; only their speed is shown.
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

export async function racePages({ name, room, set, functions, options }) {
  set.baseView.set(set.srcView);
  const bytes = set.pages * set.pageBytes;
  const views = set.views(bytes);
  const copies = views.map((_, i) =>
    Buffer.from(room.memory.buffer, set.base + i * set.pageBytes, set.pageBytes),
  );
  const look = { run: room.kernels.run, set, functions, views, copies, out: set.arena(0).out };
  const contestants = LOOKS[name](look)
    .filter(Boolean)
    .map((contestant) => ({ ...contestant, bytes }));
  const [expected, ...others] = contestants.map((contestant) => contestant.run());
  if (others.some((result) => result !== expected))
    throw new Error(`${name}: expected ${expected} of all, got ${others}`);
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
