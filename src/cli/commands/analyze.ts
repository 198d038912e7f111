import { CHANGE_STEPS, createPageStatistics, type PageStatistics } from '../../analyze/page-statistics.js';
import { recommend } from '../../analyze/recommend.js';
import { loadZstd } from '../../codec/zstd/load.js';
import { createEncoder } from '../../engine/encode/create-encoder.js';
import type { Encoder } from '../../engine/encode/encoder.js';
import type { ImageSummary, StreamSummary } from '../../engine/encode/summary.js';
import type { FileSource } from '../../image/image-file.js';
import { analysisText } from '../../report/terminal/analysis.js';
import { defineCommand } from '../command.js';
import { FORMAT_OPTION } from '../common-options.js';
import { IMAGE_DETAILS } from '../details.js';
import { JSON_OPTION } from '../json-option.js';
import { openInput } from '../open-input.js';
import { checkInputs } from '../paths.js';
import { createProgressLine, withProgress } from '../progress.js';
import { printOut } from '../terminal.js';
import { bitRate, pageBytes } from '../values.js';
import { checkHasPages, noPagesError } from '../workloads.js';

export const command = defineCommand({
  name: 'analyze',
  summary: 'classify pages, measure codecs and recommend a strategy',
  operands: { label: 'IMAGE...', min: 1, max: Infinity },
  options: {
    link: { value: 'RATE', help: 'rate of the link to recommend for', parse: bitRate, default: '1Gbit' },
    'page-bytes': { value: 'N', help: 'page size: 4096, 16384 or 65536', parse: pageBytes, default: '4096' },
    format: FORMAT_OPTION,
    json: JSON_OPTION,
  },
  details: [IMAGE_DETAILS],
  async run({ values, operands, signal }) {
    checkInputs(operands);
    const { link, json, format } = values;
    const pageSize = values['page-bytes'];
    const statistics = createPageStatistics((await loadZstd()) !== undefined);
    const summary = await analyzeImages(operands, format, statistics, pageSize, signal);
    const recommendation = recommend(statistics, summary, link, pageSize);
    if (!json) {
      const images = summary.images.map((image) => ({ name: image.name, classes: classesOf(image) }));
      printOut(`${analysisText(images, summary, statistics, link)}\n\n${recommendation.text}\n`);
      return;
    }
    const images = summary.images.map((image) => ({
      ...classesOf(image),
      name: image.name,
      bytesIn: image.bytesIn,
    }));
    const { bytesIn, bytesOut, pages, encodeMs, codecs, notes } = summary;
    const changes = CHANGE_STEPS.map((upTo, i) => ({ upTo, pages: statistics.changed[i] }));
    const { codecs: trials, packings } = statistics;
    const totals = { bytesIn, bytesOut, pages, encodeMs, codecs };
    printOut(`${JSON.stringify({ ...totals, images, trials, packings, changes, recommendation, notes })}\n`);
  },
});

async function analyzeImages(
  paths: readonly string[],
  format: string | undefined,
  statistics: PageStatistics,
  pageSize: number,
  signal: AbortSignal,
): Promise<StreamSummary> {
  const sources: FileSource[] = [];
  const line = createProgressLine('analyzing');
  let encoder: Encoder | undefined;
  try {
    for (const path of paths) sources.push(await openInput(path, format, signal));
    for (const [i, source] of sources.entries()) checkHasPages(source, paths[i]!);
    encoder = await createEncoder(() => {}, {
      strategy: statistics.strategy,
      pageBytes: pageSize,
      indexPages: 2 ** 20,
      signal,
    });
    for (const source of withProgress(sources, line.onBytes)) await encoder.encode(source);
    const summary = await encoder.finish();
    // A pipe is found to be empty only at its end.
    for (const { name, pages } of summary.images) if (pages === 0) throw noPagesError(name);
    return summary;
  } finally {
    line.end();
    await encoder?.close();
    for (const source of sources) source.close();
  }
}

/** Pages of an image by class; `rest` is what page codecs work on. */
function classesOf({ pages, codecs, duplicatesInside, duplicatesBetween }: ImageSummary) {
  const zero = codecs.zero?.pages ?? 0;
  const fill = codecs.fill?.pages ?? 0;
  const unchanged = codecs.unchanged?.pages ?? 0;
  const rest = pages - zero - fill - unchanged - duplicatesInside - duplicatesBetween;
  return { pages, zero, fill, unchanged, duplicatesInside, duplicatesBetween, rest };
}
