/** The same numbers in an array that is twice as long. */
export function doubled<T extends Float64Array | BigUint64Array | Uint32Array | Uint16Array>(from: T): T {
  const to = new (from.constructor as new (length: number) => T)(2 * from.length);
  to.set(from as never);
  return to;
}
