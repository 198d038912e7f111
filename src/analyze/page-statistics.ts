import { MEASURABLE_CODECS } from '../codec/registry.js';
import type { Packing, PackingResult, Strategy } from '../strategy/strategy.js';

/** Result of one codec on the pages that need bytes. */
interface CodecTrial {
  /** Pages that the codec shrinks. */
  pages: number;
  /** Bytes of those pages before and after. */
  bytesIn: number;
  bytesOut: number;
  /** All pages tried, including those it does not shrink. */
  readonly tried: { pages: number; bytes: number };
  ms: number;
}

/** Result of one packing. Groups are assigned to packings in turn, so that each gets a fair sample. */
export interface PackingTrial {
  readonly packing: Packing;
  groups: number;
  bytesIn: number;
  bytesOut: number;
  ms: number;
}

/** Upper bounds of the histogram of changed bytes, as fractions of the page. */
export const CHANGE_STEPS = [1 / 64, 1 / 8, 1 / 2, 1] as const;

/** Statistics of the pages that need bytes, and the strategy that collects them. */
export interface PageStatistics {
  readonly strategy: Strategy;
  readonly codecs: Readonly<Record<string, CodecTrial>>;
  readonly packings: readonly PackingTrial[];
  /** Histogram of pages with a previous version, by changed bytes (`CHANGE_STEPS`). */
  readonly changed: readonly number[];
}

/** Create empty statistics. `hasZstd`: whether zstd is available. */
export function createPageStatistics(hasZstd: boolean): PageStatistics {
  const codecs = Object.fromEntries(
    MEASURABLE_CODECS.map(({ name }): [string, CodecTrial] => [
      name,
      { pages: 0, bytesIn: 0, bytesOut: 0, tried: { pages: 0, bytes: 0 }, ms: 0 },
    ]),
  );
  const levels: Packing[] = hasZstd ? [1, 3, 9].map((level) => ({ name: 'zstd', level })) : [];
  const packings: PackingTrial[] = [{ name: 'lz4' } as Packing, ...levels].map((packing) => ({
    packing,
    groups: 0,
    bytesIn: 0,
    bytesOut: 0,
    ms: 0,
  }));
  const changed = CHANGE_STEPS.map(() => 0);
  let turn = 0;
  return {
    codecs,
    packings,
    changed,
    strategy: {
      name: 'page-statistics',
      choose(page) {
        for (const { name, base } of MEASURABLE_CODECS) {
          if (base === 'parent' && !page.hasVersion) continue;
          const started = performance.now();
          const bytes = page.measure(name);
          const trial = codecs[name]!;
          trial.ms += performance.now() - started;
          trial.tried.pages++;
          trial.tried.bytes += page.pageBytes;
          if (bytes === Infinity) continue;
          trial.pages++;
          trial.bytesIn += page.pageBytes;
          trial.bytesOut += bytes;
        }
        if (page.hasVersion) {
          const share = page.profile.changedBytes / page.pageBytes;
          changed[CHANGE_STEPS.findIndex((step) => share <= step)]!++;
        }
        return 'group';
      },
      pack: () => packings[turn++ % packings.length]!.packing,
      onPacked(result: PackingResult) {
        const trial = packings.find(({ packing }) => packing === result.packing);
        if (!trial) return;
        trial.groups++;
        trial.bytesIn += result.group.bytes;
        trial.bytesOut += result.packedBytes;
        trial.ms += result.ms;
      },
      groupBytes: () => 1 << 20,
    },
  };
}
