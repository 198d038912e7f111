import type { PageClass } from '../../codec/codec.js';
import { codecByName } from '../../codec/registry.js';
import type { PageObserver } from '../../engine/decode/image-decoder.js';
import type { PageMap } from './report.js';

/** Maximum number of cells, so that the map can be drawn. */
const MAX_CELLS = 4096;

/** Observes a decoder and draws the map of its last image. */
export class PageMapper {
  private image = -1;
  /** Codec of each page: an index into `codecs`. */
  private pages: number[] = [];
  private readonly codecs: { class: PageClass; codec: string }[] = [];

  readonly observe: PageObserver = (image, firstPage, count, codec, packing) => {
    if (image !== this.image) {
      this.image = image;
      this.pages = [];
    }
    const index = this.indexOf(codec, packing);
    for (let page = firstPage; page < firstPage + count; page++) this.pages[page] = index;
  };

  map(image: string): PageMap {
    const { pages, codecs } = this;
    const cellPages = Math.max(1, Math.ceil(pages.length / MAX_CELLS));
    const cells = Array.from({ length: Math.ceil(pages.length / cellPages) }, (_, cell) => {
      const votes = new Array<number>(codecs.length).fill(0);
      for (const index of pages.slice(cell * cellPages, (cell + 1) * cellPages)) votes[index]!++;
      return codecs[votes.indexOf(Math.max(...votes))]!;
    });
    const counts: Record<string, number> = {};
    for (const index of pages) {
      const { codec } = codecs[index]!;
      counts[codec] = (counts[codec] ?? 0) + 1;
    }
    return { image, pages: pages.length, cellPages, cells, counts };
  }

  /** Return the index of a page’s codec. A raw page counts as a page of its segment’s packing. */
  private indexOf(codec: string, packing: string | undefined): number {
    const name = codec === 'raw' ? (packing ?? 'raw') : codec;
    const found = this.codecs.findIndex((entry) => entry.codec === name);
    if (found >= 0) return found;
    return this.codecs.push({ class: codecByName(name).pageClass, codec: name }) - 1;
  }
}
