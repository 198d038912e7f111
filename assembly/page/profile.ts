export function profilePage(page: usize, base: usize, pageBytes: u32, out: usize): void {}
