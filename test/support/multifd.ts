// Channels of multifd as QEMU writes them: see src/qemu/multifd.ts.

interface Fields {
  readonly flags?: number;
  readonly dataBytes?: number;
  readonly name?: string;
  readonly zero?: readonly number[];
  readonly reserved?: number;
}

/** Return a packet of these pages, whose bytes are `data`, and of the pages `zero`. */
export function packetOf(pages: readonly number[], data: Uint8Array, more: Fields = {}): Buffer {
  const { flags = 0, dataBytes = data.length, name = 'pc.ram', zero = [], reserved = 0 } = more;
  const head = Buffer.alloc(1344);
  for (const [i, value] of [0x11223344, 1, flags, 128, pages.length, dataBytes, 0, 7, zero.length].entries())
    head.writeUInt32BE(value, 4 * i);
  head.writeUInt32BE(reserved, 36);
  head.write(name, 64, 'latin1');
  for (const [i, page] of [...pages, ...zero].slice(0, 128).entries())
    head.writeBigUInt64BE(BigInt(page) * 4096n, 320 + 8 * i);
  return Buffer.concat([head, data]);
}

/** Return the head of channel `id`. */
export function initOf(id: number): Buffer {
  const init = Buffer.alloc(64);
  init.writeUInt32BE(0x11223344, 0);
  init.writeUInt32BE(1, 4);
  init[24] = id;
  return init;
}
