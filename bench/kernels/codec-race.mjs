// One codec, one page set: everyone encodes and decodes it, is checked, then raced.
import { race } from '../race.mjs';
import { native, ours } from './codecs.mjs';
import { overPages } from './npm-compressors.mjs';

/**
 * Rows of both directions; `set` holds the corpus. `slowBytes`: how much of the set a peer from npm works
 * through in one run.
 */
export async function raceCodec({ codec, set, functions, compressors, slowBytes, options }) {
  const setBytes = set.pages * set.pageBytes;
  const arenas = [0, 1, 2].map((n) => ({ ...set, ...set.arena(n) }));
  const us = { name: 'ours', ...ours(codec, arenas[0]), bytes: setBytes };
  proveInMemory(us, codec, arenas[0]);
  us.sizes = arenas[0].lens;
  const contestants = [us];
  Object.entries(codec.native).forEach(([name, symbol], n) => {
    if (!functions[`${symbol}_encode`]) return;
    const place = arenas[n + 1];
    const peer = { name, peerKind: 'native', ...native(functions, symbol, codec, place), bytes: setBytes };
    proveInMemory(peer, codec, place);
    peer.sizes = place.lens;
    if (name !== 'libzstd -1') proveSameFormat(codec, name, arenas[0], place);
    contestants.push(peer);
  });
  const views = codec.general ? set.views(Math.min(slowBytes, setBytes)) : [];
  for (const compressor of codec.general ? compressors : []) {
    const peer = overPages(compressor, views, set.pageBytes);
    provePages(compressor.name, peer, views);
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
    // Of the same pages, where the peer had fewer.
    oursBytes: sum(contestants[0].sizes.subarray(0, peer.sizes.length)),
    peerBytes: sum(peer.sizes),
  }));
}

/** Encodes, decodes and compares the whole set. */
function proveInMemory(contestant, codec, { lens, srcView, baseView, decodedView }) {
  lens.fill(-1);
  contestant.encode();
  const unfit = lens.findIndex((bytes) => bytes < 0);
  if (unfit >= 0) throw new Error(`${codec.name}, ${contestant.name}: page ${unfit} was not encoded`);
  if (codec.changed) decodedView.set(baseView);
  else decodedView.fill(0xa5);
  const good = contestant.decode();
  if (good !== lens.length)
    throw new Error(`${codec.name}, ${contestant.name}: page ${good} was not decoded`);
  proveEqual(`${codec.name}, ${contestant.name}`, decodedView, srcView);
}

/** A peer of the same format: our decoder has to read it. */
function proveSameFormat(codec, name, mine, theirs) {
  if (codec.changed) theirs.decodedView.set(theirs.baseView);
  else theirs.decodedView.fill(0xa5);
  const reader = ours(codec, { ...mine, out: theirs.out, lens: theirs.lens });
  if (reader.decode() !== theirs.lens.length)
    throw new Error(`${codec.name}: ours refuses what ${name} wrote`);
  proveEqual(`${codec.name} by ${name}, read by ours`, theirs.decodedView, theirs.srcView);
}

function provePages(name, peer, views) {
  peer.encode();
  peer.decode();
  views.forEach((view, i) => {
    proveEqual(`${name}, page ${i}`, peer.decoded[i], view);
  });
}

function proveEqual(what, a, b) {
  if (Buffer.compare(a, b) !== 0) throw new Error(`${what}: not the same bytes`);
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
