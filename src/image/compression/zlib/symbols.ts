// Codes of lengths and distances (RFC 1951, section 3.2.5).
export const END_OF_BLOCK = 256;
export const LENGTH_CODES = 286;
export const DISTANCE_CODES = 30;
export const FIRST_LENGTH_CODE = 257;

/** Extra bits of the length codes 257 … 285, and the first length of each. */
export const LENGTH_EXTRA = Uint8Array.from([
  0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
]);
export const LENGTH_BASE = firstOf(3, LENGTH_EXTRA);
LENGTH_BASE[28] = 258;

export const DISTANCE_EXTRA = Uint8Array.from({ length: DISTANCE_CODES }, (_, i) =>
  Math.max(0, (i >> 1) - 1),
);
export const DISTANCE_BASE = firstOf(1, DISTANCE_EXTRA);

/** Number of the length code (0 … 28) of each length. */
export const LENGTH_CODE = codesOf(259, LENGTH_BASE);
/** Number of the distance code of each distance up to 16384. */
export const DISTANCE_CODE = codesOf(16385, DISTANCE_BASE);

function firstOf(first: number, extra: Uint8Array): Uint16Array {
  const base = new Uint16Array(extra.length);
  let next = first;
  for (let i = 0; i < extra.length; i++) {
    base[i] = next;
    next += 1 << extra[i]!;
  }
  return base;
}

function codesOf(size: number, base: Uint16Array): Uint8Array {
  const codes = new Uint8Array(size);
  for (let code = 0; code < base.length; code++) if (base[code]! < size) codes.fill(code, base[code]!);
  return codes;
}
