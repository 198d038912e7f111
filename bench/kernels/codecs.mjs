// The page codecs of the race: ours, and how the others are called. Every encoder packs its encodings back to
// back, every decoder unpacks them, over the same memory; ours is called once a page, as the engine does.

/**
 * `native` names C functions of the same job; `general` ones are also raced against the general compressors
 * of npm.
 */
export function codecsOf(run, scratch) {
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
      general: true,
    },
    {
      name: 'lz4 64 KiB',
      native: LIBRARIES,
      encode: run.lz4Encode,
      decode: run.lz4Decode,
      scratch,
      general: true,
      pageBytes: 65536,
    },
  ].map((codec) => ({ pageBytes: 4096, ...codec }));
}

const LIBRARIES = { liblz4: 'liblz4', 'libzstd -1': 'libzstd' };

/**
 * Our codec over a set: `{ pages, pageBytes, src, base, out, capacity, lens (view), decoded, scratch }`,
 * addresses in the memory.
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

/** A C function pair over the same set. */
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
 * A copy of a loop that nobody else calls: what V8 learns from one kernel's calls must not slow the next
 * one's. The loops below therefore use nothing but their arguments.
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
