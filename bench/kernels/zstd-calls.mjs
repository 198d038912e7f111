// Whole calls: `compress` and `decompress` of `pageferry/zstd` against those of node:zlib (22.15 and later),
// on pages in the caller's memory; results have memory of their own.
import zlib from 'node:zlib';
import { compress, decompress } from '../../dist/zstd.js';
import { race } from '../race.mjs';

const KIB = 1024;
const LEVEL = 1;
export const CALL_BYTES = {
  'zstd call 4 KiB': 4 * KIB,
  'zstd call 64 KiB': 64 * KIB,
  'zstd call 1 MiB': 1024 * KIB,
};

/** Return a row per direction for the pages of `set`. */
export async function raceZstdCalls({ set, slowBytes, options }) {
  if (!zlib.zstdCompressSync) return [];
  const params = { [zlib.constants.ZSTD_c_compressionLevel]: LEVEL };
  const pages = set.views(Math.max(slowBytes, set.pageBytes)).map((page) => Buffer.from(page));
  const frames = pages.map((page) => zlib.zstdCompressSync(page, { params }));
  const ours = pages.map((page) => compress(page, { level: LEVEL }));
  ours.forEach((frame, i) => {
    if (!zlib.zstdDecompressSync(frame).equals(pages[i])) throw new Error(`zstd call: page ${i} differs`);
    if (!Buffer.from(decompress(frames[i])).equals(pages[i]))
      throw new Error(`zstd call: frame ${i} differs`);
  });
  const bytes = pages.length * set.pageBytes;
  const each = (list, call) => () => {
    for (const item of list) call(item);
  };
  const directions = {
    encode: [
      (page) => compress(page, { level: LEVEL }),
      (page) => zlib.zstdCompressSync(page, { params }),
      pages,
    ],
    decode: [(frame) => decompress(frame), (frame) => zlib.zstdDecompressSync(frame), frames],
  };
  const rows = [];
  for (const [direction, [own, node, list]] of Object.entries(directions)) {
    const contestants = [
      { name: 'pageferry/zstd', bytes, run: each(list, own) },
      { name: 'node:zlib', bytes, run: each(list, node) },
    ];
    const [us, peer] = await race(contestants, options);
    rows.push({
      direction,
      peer: 'node:zlib',
      peerKind: 'npm',
      oursGBps: us.perSecond / 1e9,
      peerGBps: peer.perSecond / 1e9,
      ratio: us.perSecond / peer.perSecond,
      oursSpread: us.spread,
      peerSpread: peer.spread,
      oursBytes: sizeOf(ours),
      peerBytes: sizeOf(frames),
    });
  }
  return rows;
}

function sizeOf(frames) {
  return frames.reduce((sum, frame) => sum + frame.length, 0);
}
