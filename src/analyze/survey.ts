import { MEASURABLE_CODECS } from '../codec/registry.js';
import type { Packing, PackingResult, Strategy } from '../strategy/strategy.js';

/** What one codec would make of the pages that need bytes. */
interface CodecTrial {
  /** Pages that it could code at all, in less than they have. */
  pages: number;
  /** Their bytes before and after. */
  bytesIn: number;
  bytesOut: number;
  /** All pages tried, those that it could not code included. */
  readonly tried: { pages: number; bytes: number };
  ms: number;
}

/** What packing groups of pages came to; groups take turns, so that each packing sees a fair sample. */
export interface PackingTrial {
  readonly packing: Packing;
  groups: number;
  bytesIn: number;
  bytesOut: number;
  ms: number;
}

/** How much of a page changed since its last version: up to this share of its bytes. */
export const CHANGE_STEPS = [1 / 64, 1 / 8, 1 / 2, 1] as const;

/** A strategy that tries everything and keeps count. */
export interface Survey {
  readonly strategy: Strategy;
  readonly codecs: Readonly<Record<string, CodecTrial>>;
  readonly packings: readonly PackingTrial[];
  /** Pages with a last version, by how much of them changed. */
  readonly changed: readonly number[];
}

/** Makes a survey; `zstd`: whether zstd is at hand. */
export function createSurvey(zstd: boolean): Survey {
  const codecs = Object.fromEntries(
    MEASURABLE_CODECS.map(({ name }): [string, CodecTrial] => [
      name,
      { pages: 0, bytesIn: 0, bytesOut: 0, tried: { pages: 0, bytes: 0 }, ms: 0 },
    ]),
  );
  const levels: Packing[] = zstd ? [1, 3, 9].map((level) => ({ name: 'zstd', level })) : [];
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
      name: 'survey',
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
