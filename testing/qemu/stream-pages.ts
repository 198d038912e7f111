import { QemuStreamReader } from '../../src/qemu/stream-reader.js';

/** Return how many pages of guest memory a migration stream has, those of zeros among them. */
export function pagesOfStream(stream: Uint8Array): number {
  let pages = 0;
  const count = () => {
    pages++;
  };
  const reader = new QemuStreamReader({ onLiteral() {}, onPage: count, onFill: count, onXbzrle: count });
  reader.push(stream);
  return pages;
}
