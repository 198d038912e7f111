// The page codecs to be measured and the calls of their native peers. Every encoder writes its encodings one
// after another into the same memory; ours is called once per page, as in the engine.

const KIB = 1024;

/**
 * Return the codecs. `native` names the C functions of each peer; `isPeer(name)` selects the compressors from
 * npm that a codec is also raced against.
 */
export function codecsOf(run, scratch, zstd) {
  return [
    { name: 'rle', native: { 'plain C': 'rle' }, encode: run.rleEncode, decode: run.rleDecode },
    {
      name: 'zero-aware',
      native: { 'C, same algorithm': 'zero_aware' },
      encode: run.zeroAwareEncode,
      decode: run.zeroAwareDecode,
    },
    {
      name: 'xbzrle',
      native: { 'scalar C': 'xbzrle' },
      encode: run.xbzrleEncode,
      decode: run.xbzrleDecode,
      changed: true,
    },
    {
      name: 'wkdm',
      native: { 'C, same algorithm': 'wkdm' },
      encode: run.wkdmEncode,
      decode: run.wkdmDecode,
      scratch,
      decoderScratch: true,
    },
    {
      name: 'lz4 4 KiB',
      native: LIBRARIES,
      encode: run.lz4Encode,
      decode: run.lz4Decode,
      scratch,
      isPeer: () => true,
    },
    {
      name: 'lz4 64 KiB',
      native: LIBRARIES,
      encode: run.lz4Encode,
      decode: run.lz4Decode,
      scratch,
      isPeer: () => true,
      pageBytes: 65536,
    },
    ...[1, 3].flatMap((level) => [4, 64, 1024].map((kib) => zstdCodec(zstd, level, kib))),
  ].map((codec) => ({ pageBytes: 4096, ...codec }));
}

/** Zstandard at a level, in frames of one size. */
function zstdCodec({ run, encoderScratch, decoderScratch }, level, kib) {
  const name = `libzstd -${level}`;
  return {
    name: `zstd -${level} ${kib === 1024 ? '1 MiB' : `${kib} KiB`}`,
    native: { [name]: level === 1 ? 'libzstd' : `libzstd${level}` },
    encode: (src, bytes, out, capacity) =>
      run.zstdEncode(src, bytes, out, capacity, level, 0, encoderScratch),
    decode: (src, bytes, out, capacity) =>
      run.zstdDecode(src, bytes, out, capacity, capacity, decoderScratch),
    // The npm peers are called at level 1.
    isPeer: (peer) => level === 1 && peer.includes('zstd'),
    pageBytes: kib * KIB,
  };
}

const LIBRARIES = { liblz4: 'liblz4', 'libzstd -1': 'libzstd' };

/**
 * Return our codec's `encode` and `decode` of a whole set `{ pages, pageBytes, src, base, out, capacity,
 * lens, decoded }`: addresses in the kernels' memory, `lens` a view.
 */
export function ours(codec, set) {
  const { pages, pageBytes, src, base, out, capacity, lens, decoded } = set;
  const { encode, decode, scratch } = codec;
  if (codec.changed) {
    const [encodeAll, decodeAll] = [fresh(encodeDeltas), fresh(decodeAllPages)];
    return {
      encode: () => encodeAll(encode, base, src, pages, pageBytes, out, capacity, lens),
      decode: () => decodeAll(decode, out, lens, pages, pageBytes, decoded),
    };
  }
  const [encodeAll, decodeAll] = [
    fresh(scratch ? encodeWithScratch : encodePages),
    fresh(codec.decoderScratch ? decodeWithScratch : decodeAllPages),
  ];
  return {
    encode: () => encodeAll(encode, src, pages, pageBytes, out, capacity, lens, scratch),
    decode: () => decodeAll(decode, out, lens, pages, pageBytes, decoded, scratch),
  };
}

/** Return the same for a pair of C functions. */
export function native(functions, symbol, codec, set) {
  const { memory, pages, pageBytes, src, base, out, capacity, lens, decoded } = set;
  const at = (address) => memory.subarray(address);
  const from = codec.changed ? [at(base), at(src)] : [at(src)];
  return {
    encode: () => functions[`${symbol}_encode`](...from, pages, pageBytes, at(out), capacity, lens),
    decode: () => functions[`${symbol}_decode`](at(out), lens, pages, pageBytes, at(decoded)),
  };
}

/**
 * Return a copy of a loop for one kernel, so that V8's type feedback from other kernels does not slow it. The
 * loops below may therefore use only their arguments.
 */
function fresh(loop) {
  return new Function(`return ${loop}`)();
}

function encodePages(encode, src, pages, pageBytes, out, capacity, lens) {
  for (let i = 0; i < pages; i++) {
    const bytes = encode(src + i * pageBytes, pageBytes, out, capacity);
    lens[i] = bytes;
    if (bytes > 0) out += bytes;
  }
}

function encodeWithScratch(encode, src, pages, pageBytes, out, capacity, lens, scratch) {
  for (let i = 0; i < pages; i++) {
    const bytes = encode(src + i * pageBytes, pageBytes, out, capacity, scratch);
    lens[i] = bytes;
    if (bytes > 0) out += bytes;
  }
}

function encodeDeltas(encode, base, src, pages, pageBytes, out, capacity, lens) {
  for (let i = 0; i < pages; i++) {
    const bytes = encode(base + i * pageBytes, src + i * pageBytes, pageBytes, out, capacity);
    lens[i] = bytes;
    if (bytes > 0) out += bytes;
  }
}

function decodeAllPages(decode, from, lens, pages, pageBytes, out) {
  for (let i = 0; i < pages; i++) {
    const bytes = lens[i];
    if (decode(from, bytes, out + i * pageBytes, pageBytes) < 0) return i;
    from += bytes;
  }
  return pages;
}

function decodeWithScratch(decode, from, lens, pages, pageBytes, out, scratch) {
  for (let i = 0; i < pages; i++) {
    const bytes = lens[i];
    if (decode(from, bytes, out + i * pageBytes, pageBytes, scratch) < 0) return i;
    from += bytes;
  }
  return pages;
}
