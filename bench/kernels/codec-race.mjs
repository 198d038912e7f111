// One codec and one page set: every contestant encodes and decodes it, the results are compared, then they
// are raced.
import { race } from '../race.mjs';
import { native, ours } from './codecs.mjs';
import { overPages } from './npm-compressors.mjs';

/**
 * Race a codec against its peers and return a row per direction and peer. `set` holds the pages; peers from
 * npm process the first `slowBytes` of it.
 */
export async function raceCodec({ codec, set, functions, compressors, slowBytes, options }) {
  const setBytes = set.pages * set.pageBytes;
  const sets = [0, 1, 2].map((n) => ({ ...set, ...set.encodings(n) }));
  const us = { name: 'ours', ...ours(codec, sets[0]), bytes: setBytes };
  verifyInMemory(us, codec, sets[0]);
  us.sizes = sets[0].lens;
  const contestants = [us];
  Object.entries(codec.native).forEach(([name, symbol], n) => {
    if (!functions[`${symbol}_encode`]) return;
    const peerSet = sets[n + 1];
    const peer = { name, peerKind: 'native', ...native(functions, symbol, codec, peerSet), bytes: setBytes };
    verifyInMemory(peer, codec, peerSet);
    peer.sizes = peerSet.lens;
    if (codec.name.startsWith('zstd') || !name.startsWith('libzstd'))
      verifySameFormat(codec, name, sets[0], peerSet);
    contestants.push(peer);
  });
  const views = set.views(Math.max(Math.min(slowBytes, setBytes), set.pageBytes));
  for (const compressor of compressors.filter(({ name }) => codec.isPeer?.(name))) {
    const peer = overPages(compressor, views, set.pageBytes);
    verifyPages(compressor.name, peer, views);
    const sizes = peer.encodings.map((bytes) => bytes.length);
    const bytes = views.length * set.pageBytes;
    contestants.push({ name: compressor.name, peerKind: 'npm', ...peer, bytes, sizes });
  }
  const rows = [];
  for (const direction of ['encode', 'decode']) {
    const results = await race(
      contestants.map((contestant) => ({
        name: contestant.name,
        bytes: contestant.bytes,
        run: contestant[direction],
      })),
      options,
    );
    rows.push(...rowsOf(direction, contestants, results));
  }
  return rows;
}

function rowsOf(direction, contestants, results) {
  const [us] = results;
  if (contestants.length === 1)
    return [
      {
        direction,
        peer: null,
        peerKind: null,
        oursGBps: us.perSecond / 1e9,
        peerGBps: null,
        ratio: null,
        oursSpread: us.spread,
      },
    ];
  return contestants.slice(1).map((peer, i) => ({
    direction,
    peer: peer.name,
    peerKind: peer.peerKind,
    oursGBps: us.perSecond / 1e9,
    peerGBps: results[i + 1].perSecond / 1e9,
    ratio: us.perSecond / results[i + 1].perSecond,
    oursSpread: us.spread,
    peerSpread: results[i + 1].spread,
    // Of the pages that the peer processed.
    oursBytes: sum(contestants[0].sizes.subarray(0, peer.sizes.length)),
    peerBytes: sum(peer.sizes),
  }));
}

/** Encode, decode and compare the whole set. */
function verifyInMemory(contestant, codec, { lens, srcView, baseView, decodedView }) {
  lens.fill(-1);
  contestant.encode();
  const failed = lens.findIndex((bytes) => bytes < 0);
  if (failed >= 0) throw new Error(`${codec.name}, ${contestant.name}: page ${failed} was not encoded`);
  if (codec.changed) decodedView.set(baseView);
  else decodedView.fill(0xa5);
  const count = contestant.decode();
  if (count !== lens.length)
    throw new Error(`${codec.name}, ${contestant.name}: page ${count} was not decoded`);
  expectEqual(`${codec.name}, ${contestant.name}`, decodedView, srcView);
}

/** Decode with our kernel what a peer of the same format encoded. */
function verifySameFormat(codec, name, own, theirs) {
  if (codec.changed) theirs.decodedView.set(theirs.baseView);
  else theirs.decodedView.fill(0xa5);
  const reader = ours(codec, { ...own, out: theirs.out, lens: theirs.lens });
  if (reader.decode() !== theirs.lens.length)
    throw new Error(`${codec.name}: our decoder rejects the output of ${name}`);
  expectEqual(`${codec.name} by ${name}, decoded by our kernel`, theirs.decodedView, theirs.srcView);
}

function verifyPages(name, peer, views) {
  peer.encode();
  peer.decode();
  views.forEach((view, i) => {
    expectEqual(`${name}, page ${i}`, peer.decoded[i], view);
  });
}

function expectEqual(what, a, b) {
  if (Buffer.compare(a, b) !== 0) throw new Error(`${what}: decoded bytes differ`);
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
