import { STATUS } from '../../src/kernels/status.js';

/** PackBits, a token at a time: `assembly/codec/rle.ts` must write these bytes. */
export function encode(page: Uint8Array): Uint8Array {
  const out: number[] = [];
  let literal: number[] = [];
  const flush = () => {
    for (let i = 0; i < literal.length; i += 128) {
      const part = literal.slice(i, i + 128);
      out.push(part.length - 1, ...part);
    }
    literal = [];
  };
  for (let at = 0; at < page.length; ) {
    let run = 1;
    while (run < 128 && at + run < page.length && page[at + run] === page[at]) run++;
    if (run < 4) {
      literal.push(page[at++]!);
    } else {
      flush();
      out.push(257 - run, page[at]!);
      at += run;
    }
  }
  flush();
  return Uint8Array.from(out);
}

/** The page, or a status. */
export function decode(data: Uint8Array, pageBytes: number): Uint8Array | number {
  const page = new Uint8Array(pageBytes);
  let to = 0;
  for (let at = 0; at < data.length; ) {
    if (to === pageBytes) return STATUS.TRAILING;
    const control = data[at++]!;
    if (control === 128) return STATUS.BAD_TOKEN;
    const count = control < 128 ? control + 1 : 257 - control;
    const stored = control < 128 ? count : 1;
    if (stored > data.length - at) return STATUS.TRUNCATED;
    if (count > pageBytes - to) return STATUS.OVERRUN;
    for (let i = 0; i < count; i++) page[to++] = data[stored === 1 ? at : at + i]!;
    at += stored;
  }
  return to === pageBytes ? page : STATUS.SHORT;
}
