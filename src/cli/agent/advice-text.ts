import { type Advice, seconds } from '../../agent/advise/advise.js';
import type { MigrationFacts } from '../../agent/advise/facts.js';
import { COSTS_ORIGIN } from '../../agent/advise/modes.js';
import { dirtyBytesPerSecond } from '../../agent/qmp/reports.js';
import { settingsText } from '../../agent/qmp/settings.js';
import { bytesText, rateText } from '../../report/terminal/units.js';

/** The estimates as a table, what they are computed from, and the advice. */
export function adviceText(advice: Advice, facts: MigrationFacts): string {
  const { best, reason, excluded } = advice;
  return [
    ...tableOf(advice),
    ...excluded.map(({ mode, reason: why }) => `  ${mode}: not possible: ${why}\n`),
    ...originsOf(facts).map((line) => `from: ${line}\n`),
    best
      ? `advice: ${best.mode}: ${reason}\n  ${best.mode === 'agents' ? 'migrate to the source agent' : 'migrate directly'}: ${settingsText(best.settings)}\n`
      : `advice: none: ${reason}\n`,
  ].join('');
}

function tableOf({ estimates }: Advice): string[] {
  const rows = estimates.map(
    ({ mode, totalMs, downtimeMs, converges, firstRoundBytes, cpuSeconds, bottleneck }) => [
      mode,
      converges === false ? 'never' : seconds(totalMs),
      converges === false ? '-' : converges === undefined ? 'not known' : `${Math.round(downtimeMs)} ms`,
      bytesText(Math.round(firstRoundBytes)),
      `${cpuSeconds.toFixed(1)} s`,
      bottleneck,
    ],
  );
  const table = [['mode', 'total', 'downtime', 'first round', 'CPU', 'limited by'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map(
    (row) =>
      `  ${row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd()}\n`,
  );
}

/** Origins of the inputs. */
function originsOf(facts: MigrationFacts): string[] {
  const { memory, dirty, linkBitsPerSecond, sourceCores, destinationCores, isOneHost } = facts;
  const { cpuFactor, maxBandwidth, busyCores, isEmulated } = facts;
  const percent = (fraction: number) => `${Math.round(100 * fraction)}%`;
  const kinds = `${percent(memory.dataFraction)} of the memory does not repeat one byte, LZ4 packs that to ${percent(memory.lz4Ratio)}, zstd to ${percent(memory.zstdRatio)}`;
  const rate = dirty
    ? `${bytesText(Math.round(dirtyBytesPerSecond(dirty)))}/s (calc-dirty-rate)`
    : 'not known';
  const cores = isOneHost
    ? `${sourceCores} cores for both QEMUs`
    : `${sourceCores} and ${destinationCores} cores`;
  const busy =
    busyCores === undefined
      ? ''
      : `, ${busyCores.toFixed(1)} of the source's in use (measured, the guest's included)`;
  const limit = maxBandwidth === undefined ? '' : `, QEMU's max-bandwidth ${bytesText(maxBandwidth)}/s`;
  return [
    `${kinds} (${memory.bytes > 0 ? `a sample of ${bytesText(memory.bytes)}` : 'assumed'})`,
    `dirty rate ${rate}; link ${rateText(linkBitsPerSecond)}${limit}; ${cores}${busy}`,
    `CPU costs of the modes: ${COSTS_ORIGIN}${cpuFactor === 1 ? '' : `; a core of this host is ${cpuFactor.toFixed(2)} x as fast (measured)`}${isEmulated ? '; QEMU emulates the CPUs of the guest (no KVM)' : ''}`,
  ];
}

/** The same for `--json`. */
export function adviceJson({ estimates, excluded, best, reason }: Advice, facts: MigrationFacts) {
  const { memory, dirty, linkBitsPerSecond, sourceCores, destinationCores, cpuFactor } = facts;
  const { bytes: sampledBytes, ...ratios } = memory;
  const dirtyRate = dirty ? Math.round(dirtyBytesPerSecond(dirty)) : null;
  const modes = estimates.map(({ converges, ...rest }) => ({ ...rest, converges: converges ?? null }));
  const advice = best ? { mode: best.mode, ...best.settings, reason } : { mode: null, reason };
  return {
    memory: { ...ratios, sampledBytes },
    ...{ dirtyBytesPerSecond: dirtyRate, linkBitsPerSecond: Math.round(linkBitsPerSecond), cpuFactor },
    cores: { source: sourceCores, destination: destinationCores, inUse: facts.busyCores ?? null },
    isEmulated: facts.isEmulated ?? null,
    costs: COSTS_ORIGIN,
    ...{ estimates: modes, excluded, advice },
  };
}
