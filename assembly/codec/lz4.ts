export function lz4Encode(src: usize, srcBytes: u32, out: usize, capacity: u32, scratch: usize): i32 {
  return -1;
}
export function lz4Decode(src: usize, srcBytes: u32, out: usize, blockBytes: u32): i32 {
  return -1;
}
