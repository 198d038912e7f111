export function zeroAwareEncode(src: usize, srcBytes: u32, out: usize, capacity: u32): i32 {
  return -1;
}
export function zeroAwareDecode(src: usize, srcBytes: u32, out: usize, pageBytes: u32): i32 {
  return -1;
}
