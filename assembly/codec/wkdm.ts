export function wkdmEncode(src: usize, srcBytes: u32, out: usize, capacity: u32, scratch: usize): i32 {
  return -1;
}
export function wkdmDecode(src: usize, srcBytes: u32, out: usize, pageBytes: u32, scratch: usize): i32 {
  return -1;
}
