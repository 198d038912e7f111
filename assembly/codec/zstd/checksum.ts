// The checksum after a frame's blocks (RFC 8878, 3.1.1).
import { xxh64 } from "../../hash/xxh64";

/** Return the checksum of `bytes` bytes of content: the low 32 bits of their XXH64 with seed 0. */
export function zstdChecksum(src: usize, bytes: u32): u32 {
  return <u32>xxh64(src, bytes, 0);
}
