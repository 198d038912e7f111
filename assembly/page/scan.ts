export function scanPages(src: usize, pageCount: u32, pageBytes: u32, classes: usize): u32 {
  return 0;
}
export function fillByte(src: usize, bytes: u32): i32 {
  return -1;
}
export function pagesEqual(a: usize, b: usize, bytes: u32): u32 {
  return 0;
}
