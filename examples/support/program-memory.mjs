const PAGE_BYTES = 4096;

/**
 * The memory of a WebAssembly program, page by page. A hypervisor has a dirty log; here pages are compared
 * with what was read last.
 */
export class ProgramMemory {
  memory = new WebAssembly.Memory({ initial: 64, maximum: 64 });
  bytes = Buffer.from(this.memory.buffer);
  pages = this.bytes.length / PAGE_BYTES;
  #lastRead = Buffer.alloc(this.bytes.length);

  /** Bytes of one page; the methods below are those of a guest's memory. */
  at(page, bytes = this.bytes) {
    return bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  }
  read(page, into) {
    into.set(this.at(page));
    this.at(page, this.#lastRead).set(this.at(page));
  }
  write(page, bytes) {
    this.at(page).set(bytes);
  }
  zero(page) {
    this.at(page).fill(0);
  }
  /** Numbers of the pages that were written since they were read. */
  dirtyPages() {
    const numbers = Array.from({ length: this.pages }, (_, page) => page);
    return numbers.filter((page) => !this.at(page).equals(this.at(page, this.#lastRead)));
  }
}
