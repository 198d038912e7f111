// Target speeds of the kernels. A missed target is printed and fails nothing, because timings are noisy.

const SSE2 = 'libxxhash as SSE2';

/** `of`: the kinds of pages that count (default: all except zero pages, which no codec receives). */
const TARGETS = [
  { kernel: 'scan', direction: 'scan', peer: 'C with SSE2', set: 'cached', of: ['zero'], atLeast: 1 },
  ...['xxh3-64', 'xxh3-128'].flatMap((kernel) => [
    { kernel, direction: 'hash', peer: SSE2, set: 'cached', atLeast: 0.85 },
    { kernel, direction: 'hash', peer: 'libxxhash', set: 'large', atLeast: 0.8 },
    {
      kernel,
      direction: 'hash',
      peer: kernel === 'xxh3-64' ? 'hash-wasm xxh3' : 'hash-wasm xxh128',
      set: 'cached',
      atLeast: 5,
    },
  ]),
  { kernel: 'xxh3-64', direction: 'hash', peer: 'xxhash-wasm xxh64', set: 'cached', atLeast: 2 },
  ...Object.entries({ 'node:crypto sha256': 1, 'hash-wasm blake3': 1.5 }).map(([peer, atLeast]) => ({
    kernel: 'blake3',
    direction: 'hash',
    peer,
    set: 'cached',
    atLeast,
  })),
  ...['dirty 1 %', 'dirty 10 %', 'dirty 50 %'].flatMap((kind) => [
    { kernel: 'xbzrle', direction: 'encode', peer: 'scalar C', set: 'cached', of: [kind], atLeast: 2.4 },
    { kernel: 'xbzrle', direction: 'encode', peer: 'scalar C', set: 'large', of: [kind], atLeast: 1.1 },
    { kernel: 'xbzrle', direction: 'decode', peer: 'scalar C', set: 'cached', of: [kind], atLeast: 1.15 },
  ]),
  ...pair('zero-aware', 'C, same algorithm', 'cached', 0.95, 0.95),
  ...pair('rle', 'plain C', 'cached', 1.6, 1.8),
  ...pair('wkdm', 'C, same algorithm', 'cached', 0.9, 0.9),
  ...pair('lz4 4 KiB', 'liblz4', 'cached', 0.9, 0.95),
  ...pair('lz4 4 KiB', 'lz4-napi', 'cached', 1.5, 2.5),
  ...pair('lz4 4 KiB', 'lz4-wasm-nodejs', 'cached', 1.5, 2.5),
  ...pair('lz4 64 KiB', 'liblz4', 'cached', 0.85, 0.95),
  ...pair('lz4 64 KiB', 'lz4-napi', 'cached', 1, 1.7),
  ...pair('lz4 64 KiB', 'lz4-wasm-nodejs', 'cached', 1, 1.7),
  ...['zstd decode 4 KiB', 'zstd decode 64 KiB', 'zstd decode 1 MiB'].flatMap((kernel) =>
    Object.entries({ libzstd: 0.75, '@bokuweb/zstd-wasm': 1.5, fzstd: 3 }).map(([peer, atLeast]) => ({
      kernel,
      direction: 'decode',
      peer,
      set: 'cached',
      atLeast,
    })),
  ),
  ...['4 KiB', '64 KiB', '1 MiB'].flatMap((size) => [
    encodeTarget(`zstd -1 ${size}`, 'libzstd -1', size === '64 KiB' ? 1.1 : 0.9),
    encodeTarget(`zstd -3 ${size}`, 'libzstd -3', 0.75),
    encodeTarget(`zstd -1 ${size}`, '@bokuweb/zstd-wasm -1', 1.4),
  ]),
  { kernel: 'zstd call 4 KiB', direction: 'decode', peer: 'node:zlib', set: 'cached', atLeast: 10 },
  encodeTarget('zstd call 64 KiB', 'node:zlib', 1.5),
  encodeTarget('zstd two threads', 'node:zlib zstd -1, two threads', 0.8),
];

function encodeTarget(kernel, peer, atLeast) {
  return { kernel, direction: 'encode', peer, set: 'cached', atLeast };
}

function pair(kernel, peer, set, encode, decode) {
  return [
    { kernel, direction: 'encode', peer, set, atLeast: encode },
    { kernel, direction: 'decode', peer, set, atLeast: decode },
  ];
}

/**
 * Return each target that has rows, with the geometric `mean`, `min` and `max` over the kinds of pages, the
 * `guests` mean over the pages of guests, and `bytes`, the mean ratio of bytes; undefined without such rows.
 */
export function againstTargets(rows) {
  return TARGETS.flatMap((target) => {
    const measured = rows.filter(
      (row) =>
        row.kernel === target.kernel &&
        row.direction === target.direction &&
        row.peer === target.peer &&
        row.set === target.set,
    );
    const ofGuests = measured.filter(({ corpus }) => corpus.startsWith('guest '));
    const ofKinds = measured.filter(
      (row) =>
        !ofGuests.includes(row) && (target.of ? target.of.includes(row.corpus) : row.corpus !== 'zero'),
    );
    if (ofKinds.length + ofGuests.length === 0) return [];
    const ratios = ofKinds.map(({ ratio }) => ratio);
    const sizes = [...ofKinds, ...ofGuests].filter((row) => row.peerBytes && row.direction === 'encode');
    return [
      {
        ...target,
        mean: ratios.length > 0 ? geometricMean(ratios) : undefined,
        min: ratios.length > 0 ? Math.min(...ratios) : undefined,
        max: ratios.length > 0 ? Math.max(...ratios) : undefined,
        guests: ofGuests.length > 0 ? geometricMean(ofGuests.map(({ ratio }) => ratio)) : undefined,
        bytes: sizes.length > 0 ? meanBytes(sizes) : undefined,
      },
    ];
  });
}

function meanBytes(rows) {
  return geometricMean(rows.map(({ oursBytes, peerBytes }) => oursBytes / peerBytes));
}

export function geometricMean(values) {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
