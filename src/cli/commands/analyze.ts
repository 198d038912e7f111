import { recommend } from '../../analyze/recommend.js';
import { CHANGE_STEPS, createSurvey, type Survey } from '../../analyze/survey.js';
import { loadZstd } from '../../codec/zstd/load.js';
import { createEncoder } from '../../engine/encode/create-encoder.js';
import type { Encoder } from '../../engine/encode/encoder.js';
import type { ImageSummary, StreamSummary } from '../../engine/encode/summary.js';
import { openImage } from '../../image/formats.js';
import type { FileSource } from '../../image/raw.js';
import { table } from '../../report/terminal/table.js';
import { bytesText, msText, rateText } from '../../report/terminal/units.js';
import { checkInputs, parse, parsePageBytes, parseRate } from '../args.js';
import { progress, watched } from '../progress.js';
import { UsageError } from '../usage.js';

export async function analyze(argv: readonly string[]): Promise<void> {
  const args = parse('analyze', argv, {
    link: { type: 'string' },
    'page-bytes': { type: 'string' },
    json: { type: 'boolean' },
  });
  if (args.positionals.length === 0) throw new UsageError('analyze: needs at least one IMAGE');
  checkInputs('analyze', args.positionals);
  const link = parseRate(args.text('link') ?? '1Gbit');
  const pageBytes = parsePageBytes(args.text('page-bytes') ?? '4096');
  const survey = createSurvey((await loadZstd()) !== undefined);
  const summary = await surveyImages(args.positionals, survey, pageBytes);
  const recommendation = recommend(survey, summary, link, pageBytes);
  const { codecs, packings, changed } = survey;
  if (args.flag('json')) {
    const images = summary.images.map((image) => ({
      ...classesOf(image),
      name: image.name,
      bytesIn: image.bytesIn,
    }));
    const { bytesIn, bytesOut, pages, encodeMs, codecs: classes, notes } = summary;
    const changes = CHANGE_STEPS.map((upTo, i) => ({ upTo, pages: changed[i] }));
    const report = {
      bytesIn,
      bytesOut,
      pages,
      encodeMs,
      codecs: classes,
      images,
      trials: codecs,
      packings,
      changes,
      recommendation,
      notes,
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  print(summary, survey, link);
  process.stdout.write(`\n${recommendation.text}\n`);
}

async function surveyImages(
  paths: readonly string[],
  survey: Survey,
  pageBytes: number,
): Promise<StreamSummary> {
  const sources: FileSource[] = [];
  const line = progress('analyzing');
  let encoder: Encoder | undefined;
  try {
    for (const path of paths) sources.push(openImage(path));
    encoder = await createEncoder(() => {}, { strategy: survey.strategy, pageBytes, indexPages: 2 ** 20 });
    for (const source of watched(sources, line.at)) await encoder.encode(source);
    return await encoder.finish();
  } finally {
    line.end();
    await encoder?.close();
    for (const source of sources) source.close();
  }
}

function classesOf({ pages, codecs, duplicatesInside, duplicatesBetween }: ImageSummary) {
  const zero = codecs.zero?.pages ?? 0;
  const fill = codecs.fill?.pages ?? 0;
  const unchanged = codecs.unchanged?.pages ?? 0;
  const rest = pages - zero - fill - unchanged - duplicatesInside - duplicatesBetween;
  return { pages, zero, fill, unchanged, duplicatesInside, duplicatesBetween, rest };
}

function print(summary: StreamSummary, { codecs, packings, changed }: Survey, link: number): void {
  const out = (text: string) => process.stdout.write(`${text}\n`);
  out('Pages by class');
  const rows = summary.images.map((image) => {
    const { pages, zero, fill, unchanged, duplicatesInside, duplicatesBetween, rest } = classesOf(image);
    return [
      image.name,
      ...[pages, zero, fill, unchanged, duplicatesInside, duplicatesBetween, rest].map(String),
    ];
  });
  out(table(['image', 'pages', 'zero', 'fill', 'unchanged', 'same inside', 'same between', 'rest'], rows));
  out('\nThe rest, page by page: every codec on every page');
  const trials = Object.entries(codecs).filter(([, { tried }]) => tried.pages > 0);
  out(
    table(
      ['codec', 'pages it codes', 'of', 'bytes left of them', 'µs a page'],
      trials.map(([name, { pages, bytesIn, bytesOut, tried, ms }]) => [
        name,
        String(pages),
        String(tried.pages),
        pages === 0 ? '' : `${((100 * bytesOut) / bytesIn).toFixed(1)} %`,
        ((1000 * ms) / tried.pages).toFixed(2),
      ]),
    ),
  );
  out('\nThe rest, in groups of 1 MiB: the packings took turns');
  out(
    table(
      ['packing', 'groups', 'bytes left of them', 'MB/s', 'pays below'],
      packings
        .filter(({ groups }) => groups > 0)
        .map(({ packing, groups, bytesIn, bytesOut, ms }) => [
          packing.level === undefined ? packing.name : `${packing.name}:${packing.level}`,
          String(groups),
          `${((100 * bytesOut) / bytesIn).toFixed(1)} %`,
          (bytesIn / ms / 1000).toFixed(0),
          // Above this rate, sending the saved bytes takes less time than packing them.
          rateText(((bytesIn - bytesOut) * 8000) / ms),
        ]),
    ),
  );
  if (changed.some((pages) => pages > 0)) {
    out('\nChanged pages, by how much of them changed');
    out(
      table(
        CHANGE_STEPS.map((step) => `up to ${(100 * step).toFixed(step < 0.1 ? 1 : 0)} %`),
        [changed.map(String)],
      ),
    );
  }
  out(`\n${bytesText(summary.bytesIn)} in ${msText(summary.encodeMs)}, link ${rateText(link)}`);
}
