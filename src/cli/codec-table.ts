import type { CodecCount } from '../engine/frame/counters.js';
import { table } from '../report/terminal/table.js';
import { bytesText } from '../report/terminal/units.js';

export type CodecTable = Readonly<Record<string, CodecCount>>;

/** Pages and bytes of each codec, the codec with the most bytes first. */
export function codecTable(codecs: CodecTable): string {
  const rows = Object.entries(codecs)
    .sort(([, a], [, b]) => b.bytes - a.bytes || b.pages - a.pages)
    .map(([name, { pages, bytes }]) => [
      name,
      String(pages),
      bytesText(bytes),
      pages === 0 ? '' : (bytes / pages).toFixed(1),
    ]);
  return table(['codec', 'pages', 'bytes', 'bytes/page'], rows);
}
