export function indexInit(index: usize, slotCount: u32): void {}
export function indexFind(index: usize, slotCount: u32, digest: usize): usize { return 0; }
export function indexInsert(index: usize, slotCount: u32, digest: usize, image: u32, page: u32): void {}
