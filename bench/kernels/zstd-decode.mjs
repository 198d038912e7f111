// The zstd decoder on frames of libzstd level 1: against libzstd itself, and against what npm and Node have.
import { decompress as fzstdDecompress } from 'fzstd';
import { createZstdKernels } from '../../build/internal.mjs';
import { race } from '../race.mjs';

const KIB = 1024;
const MAX_WINDOW_BYTES = 2 ** 27;
export const FRAME_BYTES = {
  'zstd decode 4 KiB': 4 * KIB,
  'zstd decode 64 KiB': 64 * KIB,
  'zstd decode 1 MiB': 1024 * KIB,
};

/** Return a row per peer for the pages of `set`; peers from npm decode the first `slowBytes` of it. */
export async function raceZstdDecode({ set, functions, compressors, kernels, scratch, slowBytes, options }) {
  const { memory, pages, pageBytes, src, decoded, srcView, decodedView } = set;
  if (!functions.libzstd_encode) return [];
  const zstd = await createZstdKernels(kernels.memory);
  const { out, lens } = set.encodings(0);
  const at = (address) => memory.subarray(address);
  functions.libzstd_encode(at(src), pages, pageBytes, at(out), set.capacity, lens);
  const frames = framesOf(memory, out, lens, Math.max(1, slowBytes / pageBytes));
  const decodeAll = decodeFrames(zstd.zstdDecode);
  const setBytes = pages * pageBytes;
  const contestants = [
    {
      name: 'ours',
      bytes: setBytes,
      run: () => decodeAll(out, lens, decoded, pageBytes, MAX_WINDOW_BYTES, scratch),
    },
    {
      name: 'libzstd',
      peerKind: 'native',
      bytes: setBytes,
      run: () => functions.libzstd_decode(at(out), lens, pages, pageBytes, at(decoded)),
    },
    ...npmDecoders(compressors).map(({ name, decompress }) => ({
      name,
      peerKind: 'npm',
      bytes: frames.length * pageBytes,
      run: () => {
        let bytes = 0;
        for (const frame of frames) bytes += decompress(frame).length;
        if (bytes !== frames.length * pageBytes) throw new Error(`${name}: ${bytes} bytes`);
      },
    })),
  ];
  for (const { name, run } of contestants.slice(0, 2)) {
    decodedView.fill(0xa5);
    run();
    if (Buffer.compare(decodedView, srcView) !== 0) throw new Error(`zstd decode, ${name}: bytes differ`);
  }
  const [us, ...peers] = await race(contestants, options);
  return peers.map((peer, i) => ({
    direction: 'decode',
    peer: contestants[i + 1].name,
    peerKind: contestants[i + 1].peerKind,
    oursGBps: us.perSecond / 1e9,
    peerGBps: peer.perSecond / 1e9,
    ratio: us.perSecond / peer.perSecond,
    oursSpread: us.spread,
    peerSpread: peer.spread,
  }));
}

/** Return a loop of its own for this kernel, so that V8's type feedback is that of one call only. */
function decodeFrames(zstdDecode) {
  return (from, lens, out, pageBytes, maxWindowBytes, scratch) => {
    for (let i = 0; i < lens.length; i++) {
      const bytes = zstdDecode(from, lens[i], out, pageBytes, maxWindowBytes, scratch);
      if (bytes !== pageBytes) throw new Error(`zstd decode, ours: status ${bytes}`);
      from += lens[i];
      out += pageBytes;
    }
  };
}

function framesOf(memory, out, lens, count) {
  let at = out;
  return Array.from(lens.subarray(0, count), (bytes) => {
    if (bytes < 0) throw new Error('zstd decode: libzstd could not encode a page');
    at += bytes;
    return Buffer.from(memory.subarray(at - bytes, at));
  });
}

/** fzstd, and those of the compressors from npm that read zstd frames. */
function npmDecoders(compressors) {
  const zstd = compressors.filter(({ name }) => name.includes('zstd'));
  const named = zstd.map(({ name, decompress }) => ({ name: name.replace(' -1', ''), decompress }));
  return [...named, { name: 'fzstd', decompress: (frame) => fzstdDecompress(frame) }];
}
