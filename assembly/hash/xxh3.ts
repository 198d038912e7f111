export function hash64(src: usize, bytes: u32, seedLow: u32, seedHigh: u32, out: usize): void {}
export function hash128(src: usize, bytes: u32, seedLow: u32, seedHigh: u32, out: usize): void {}
export function hash128Pages(src: usize, pageCount: u32, pageBytes: u32, classes: usize, out: usize): void {}
