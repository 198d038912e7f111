import type { PageClass } from '../../codec/codec.js';
import { codecByName } from '../../codec/registry.js';
import type { PageObserver } from '../../engine/decode/image-decoder.js';
import type { PageMap } from './report.js';

/** As many cells at most, so that a map can be drawn. */
const MAX_CELLS = 4096;

/** Listens to a decoder and draws the map of its last image. */
export class PageMapper {
  private image = -1;
  /** What each page travelled as: an index into `ways`. */
  private pages: number[] = [];
  private readonly ways: { class: PageClass; codec: string }[] = [];

  readonly observe: PageObserver = (image, firstPage, count, codec, packing) => {
    if (image !== this.image) {
      this.image = image;
      this.pages = [];
    }
    const way = this.wayOf(codec, packing);
    for (let page = firstPage; page < firstPage + count; page++) this.pages[page] = way;
  };

  map(image: string): PageMap {
    const { pages, ways } = this;
    const cellPages = Math.max(1, Math.ceil(pages.length / MAX_CELLS));
    const cells = Array.from({ length: Math.ceil(pages.length / cellPages) }, (_, cell) => {
      const votes = new Array<number>(ways.length).fill(0);
      for (const way of pages.slice(cell * cellPages, (cell + 1) * cellPages)) votes[way]!++;
      return ways[votes.indexOf(Math.max(...votes))]!;
    });
    const counts: Record<string, number> = {};
    for (const way of pages) counts[ways[way]!.codec] = (counts[ways[way]!.codec] ?? 0) + 1;
    return { image, pages: pages.length, cellPages, cells, counts };
  }

  /** A raw page is part of a segment: the packing of the segment counts as its codec. */
  private wayOf(codec: string, packing: string | undefined): number {
    const name = codec === 'raw' ? (packing ?? 'raw') : codec;
    const found = this.ways.findIndex((way) => way.codec === name);
    if (found >= 0) return found;
    return this.ways.push({ class: codecByName(name).pageClass, codec: name }) - 1;
  }
}
