// XXH3-64 and XXH3-128 (xxHash 0.8), bit for bit, with a 64-bit seed in two halves.
//
//   digest64  = low u64
//   digest128 = low u64, high u64        little-endian both
import { CLASS_NORMAL } from "../layout";
import { long, longRuns, longSeeded } from "./long";
import { short64 } from "./short64";
import { short128 } from "./short128";

const SHORT_MAX_BYTES: u32 = 240;

export function hash64(src: usize, bytes: u32, seedLow: u32, seedHigh: u32, out: usize): void {
  const seed = <u64>seedLow | ((<u64>seedHigh) << 32);
  if (bytes <= SHORT_MAX_BYTES) store<u64>(out, short64(src, bytes, seed));
  else if (seed === 0) long(src, bytes, out, false);
  else longSeeded(src, bytes, seed, out, false);
}

/**
 * Write the hash, with seed 0, of `bytes` bytes, more than 240, that are in `count` runs (address and length,
 * u32 each). All runs but the last are multiples of 1024 bytes; the last has 64 bytes or more.
 */
export function hash64Runs(runs: usize, count: u32, bytes: u32, out: usize): void {
  longRuns(load<u32>(runs), load<u32>(runs, 4), runs, count - 1, bytes, out, false);
}

export function hash128(src: usize, bytes: u32, seedLow: u32, seedHigh: u32, out: usize): void {
  const seed = <u64>seedLow | ((<u64>seedHigh) << 32);
  if (bytes <= SHORT_MAX_BYTES) short128(src, bytes, seed, out);
  else if (seed === 0) long(src, bytes, out, true);
  else longSeeded(src, bytes, seed, out, true);
}

export function hash128Pages(src: usize, pageCount: u32, pageBytes: u32, classes: usize, out: usize): void {
  for (let i: u32 = 0; i < pageCount; i++) {
    // a page a call: V8 replaces the code of a function only between calls of it
    if (<u32>load<u16>(classes) === CLASS_NORMAL) hash128(src, pageBytes, 0, 0, out);
    src += pageBytes;
    classes += 2;
    out += 16;
  }
}
