/** Return the function `read` of a source that has `readAt`: each call continues where the last one ended. */
export function readInOrder(
  readAt: (into: Uint8Array, position: number) => number,
): (into: Uint8Array) => number {
  let next = 0;
  return (into) => {
    const count = readAt(into, next);
    next += count;
    return count;
  };
}
