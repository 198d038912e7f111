// QEMU's migration streams to replay: recorded ones, and those made of the memory of a workload.
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { craftedHead, craftedSection, pagesOfStream } from '../../build/internal.mjs';
import { chooseWorkloads, collectImages } from '../workloads/index.mjs';

const PAGE_BYTES = 4096;
/** Pages that QEMU sends in a section of 50 ms at 1 Gbit/s. */
const SECTION_PAGES = 1536;
/** Device state is not parsed, so that any bytes do. */
const DEVICES = Buffer.concat([Buffer.of(4, 0, 0, 0, 0, 5), Buffer.from('timer'), Buffer.alloc(64 << 10, 7)]);

/**
 * Yield `{ name, bytes, pageBytes }`, the last of all pages: the files of `paths`, else one stream for each
 * workload of `names`.
 */
export async function* streams({ paths = [], names, mebibytes, maxRounds }) {
  for (const path of paths) yield counted(basename(path), readFileSync(path));
  if (paths.length > 0) return;
  for (const workload of chooseWorkloads({ names })) {
    const images = await collectImages(workload, { mebibytes, maxImages: maxRounds });
    yield counted(workload.name, streamOf(images.map(({ bytes }) => Buffer.from(bytes))));
  }
}

function counted(name, bytes) {
  return { name, bytes, pageBytes: pagesOfStream(bytes) * PAGE_BYTES };
}

/** Return the stream of a guest whose memory is `images`, one after the other: changed pages per round. */
function streamOf(images) {
  const bytes = Math.floor(Math.min(...images.map(({ length }) => length)) / PAGE_BYTES) * PAGE_BYTES;
  const rounds = images.map((image) => image.subarray(0, bytes));
  const pieces = [craftedHead(rounds[0])];
  let block = 'pc.ram';
  for (const [round, memory] of rounds.entries()) {
    const pages = changedPages(rounds[round - 1], memory);
    for (let at = 0; at < pages.length || at === 0; at += SECTION_PAGES) {
      const isLast = round === rounds.length - 1 && at + SECTION_PAGES >= pages.length;
      pieces.push(craftedSection(memory, pages.slice(at, at + SECTION_PAGES), isLast, block));
      block = undefined;
    }
  }
  return Buffer.concat([...pieces, DEVICES]);
}

function changedPages(before, now) {
  const pages = [];
  for (let page = 0; page < now.length / PAGE_BYTES; page++) {
    const [from, to] = [page * PAGE_BYTES, (page + 1) * PAGE_BYTES];
    if (!before || now.compare(before, from, to, from, to) !== 0) pages.push(page);
  }
  return pages;
}
