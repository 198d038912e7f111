import { STATUS } from '../../src/kernels/status.js';

/** XBZRLE, a byte at a time: `assembly/codec/xbzrle.ts` must write these bytes. */
export function encode(page: Uint8Array, base: Uint8Array): Uint8Array {
  const out: number[] = [];
  const same = (i: number) => page[i] === base[i];
  for (let at = 0; at < page.length; ) {
    const start = at;
    while (at < page.length && same(at)) at++;
    if (at === page.length) break;
    const changed = at;
    while (at < page.length && !same(at)) at++;
    out.push(...length(changed - start), ...length(at - changed), ...page.subarray(changed, at));
  }
  return Uint8Array.from(out);
}

function length(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...length(value >> 7)];
}

/** The page, or a status. */
export function decode(data: Uint8Array, pageBytes: number, base: Uint8Array): Uint8Array | number {
  const page = base.slice(0, pageBytes);
  let at = 0;
  let to = 0;
  /** A length, or a status. */
  const next = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      if (at === data.length) return STATUS.TRUNCATED;
      const byte = data[at++]!;
      if (shift > 0 && byte === 0) return STATUS.BAD_TOKEN;
      if (shift === 14 && byte > 0x7f) return STATUS.BAD_TOKEN;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < data.length) {
    if (to === pageBytes) return STATUS.TRAILING;
    const first = at === 0;
    const zrun = next();
    if (zrun < 0) return zrun;
    if (zrun === 0 && !first) return STATUS.BAD_TOKEN;
    if (zrun > pageBytes - to) return STATUS.OVERRUN;
    to += zrun;
    const nzrun = next();
    if (nzrun < 0) return nzrun;
    if (nzrun === 0) return STATUS.BAD_TOKEN;
    if (nzrun > pageBytes - to) return STATUS.OVERRUN;
    if (nzrun > data.length - at) return STATUS.TRUNCATED;
    page.set(data.subarray(at, at + nzrun), to);
    at += nzrun;
    to += nzrun;
  }
  return page;
}
