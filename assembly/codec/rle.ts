export function rleEncode(src: usize, srcBytes: u32, out: usize, capacity: u32): i32 {
  return -1;
}
export function rleDecode(src: usize, srcBytes: u32, out: usize, pageBytes: u32): i32 {
  return -1;
}
