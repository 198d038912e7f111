export function xbzrleEncode(base: usize, page: usize, pageBytes: u32, out: usize, capacity: u32): i32 {
  return -1;
}
export function xbzrleDecode(src: usize, srcBytes: u32, page: usize, pageBytes: u32): i32 {
  return -1;
}
