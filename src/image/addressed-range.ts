/** Memory of an image at consecutive addresses. */
export interface AddressedRange {
  /** What the address counts in: "physical", "virtual", or a name, such as that of a process. */
  readonly space: string;
  readonly address: bigint;
  readonly bytes: number;
}

/** Ranges of one space. */
export function* inSpace(
  space: string,
  ranges: Iterable<{ readonly address: bigint; readonly bytes: number }>,
): Iterable<AddressedRange> {
  for (const { address, bytes } of ranges) yield { space, address, bytes };
}
