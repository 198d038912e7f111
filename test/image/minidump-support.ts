/** Where the list of a minidump with one Memory64ListStream begins. */
const LIST_AT = 44;

/** The first 60 bytes of a minidump: its heads, and the count of `ranges` and where their bytes begin. */
export function minidumpHead(ranges: number, memoryAt: number): Buffer {
  const head = Buffer.alloc(60);
  head.write('MDMP');
  [0xa793, 1, 32].forEach((value, i) => {
    head.writeUInt32LE(value, 4 + 4 * i);
  });
  [9, 16 + 16 * ranges, LIST_AT].forEach((value, i) => {
    head.writeUInt32LE(value, 32 + 4 * i);
  });
  head.writeBigUInt64LE(BigInt(ranges), LIST_AT);
  head.writeBigUInt64LE(BigInt(memoryAt), LIST_AT + 8);
  return head;
}
