export function sketchInit(table: usize, slotCount: u32): void {}
export function sketchPage(page: usize, pageBytes: u32, out: usize): void {}
export function sketchFind(table: usize, slotCount: u32, features: usize, out: usize): u32 { return 0; }
export function sketchInsert(table: usize, slotCount: u32, features: usize, reference: u32): void {}
