// The scan, byte by byte.

export function fillByte(page: Uint8Array): number {
  return page.every((byte) => byte === page[0]) ? page[0]! : -1;
}

/** The class that scanPages writes: 0 for a normal page, 0x100 | byte for a filled one. */
export function pageClass(page: Uint8Array): number {
  const fill = fillByte(page);
  return fill < 0 ? 0 : 0x100 | fill;
}

export function pagesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, i) => byte === b[i]);
}
