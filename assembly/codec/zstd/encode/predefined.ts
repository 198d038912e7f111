// The predefined distributions, as constants that are stored where they are needed. RFC 8878, 3.1.1.3.2.2.
import { LITERAL_TABLE, OFFSET_TABLE } from "./layout";

/** Store the predefined norms (i16) of a table: -1 is a probability below one state. */
export function putPredefinedNorms(tableAt: usize, norms: usize): void {
  const ones = i16x8.splat(1);
  if (tableAt === LITERAL_TABLE) {
    const twos = i16x8.splat(2);
    v128.store(norms, i16x8(4, 3, 2, 2, 2, 2, 2, 2));
    v128.store(norms, i16x8(2, 2, 2, 2, 2, 1, 1, 1), 16);
    v128.store(norms, twos, 32);
    v128.store(norms, i16x8(2, 3, 2, 1, 1, 1, 1, 1), 48);
    v128.store(norms, i16x8.splat(-1), 64);
  } else if (tableAt === OFFSET_TABLE) {
    v128.store(norms, i16x8(1, 1, 1, 1, 1, 1, 2, 2));
    v128.store(norms, i16x8(2, 1, 1, 1, 1, 1, 1, 1), 16);
    v128.store(norms, ones, 32);
    v128.store(norms, i16x8.splat(-1), 48);
  } else {
    v128.store(norms, i16x8(1, 4, 3, 2, 2, 2, 2, 2));
    v128.store(norms, i16x8(2, 1, 1, 1, 1, 1, 1, 1), 16);
    v128.store(norms, ones, 32);
    v128.store(norms, ones, 48);
    v128.store(norms, ones, 64);
    v128.store(norms, i16x8(1, 1, 1, 1, 1, 1, -1, -1), 80);
    v128.store(norms, i16x8.splat(-1), 96);
  }
}
