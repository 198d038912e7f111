import type { Costs } from '../../simulate/costs.js';
import type { SimulationResult } from '../../simulate/simulate.js';
import {
  bestOf,
  conclusionLines,
  conditionsText,
  figuresOf,
  guestText,
  keepsLimit,
  type LinkResults,
  linkText,
  ranked,
  remarksOf,
  type SimulationReport,
} from '../terminal/simulation.js';
import { bytesText, msText, rateText } from '../terminal/units.js';
import { comparisonFigure, marksOf } from './comparison-chart.js';
import { deferredFigure } from './deferred-figure.js';
import { footer, htmlPage, scrollTable } from './document.js';
import { escapeHtml } from './escape.js';
import { historyFigure } from './history-chart.js';

const HEAD = [
  'technique',
  'strategy',
  'total time',
  'downtime',
  'data',
  'CPU',
  'slowdown',
  'rounds',
  'verified',
  'pages sent',
  'compared',
  'remarks',
];

/** Render a simulation report as a self-contained HTML page. The same report gives the same page. */
export function renderSimulationPage(report: SimulationReport): string {
  const { guest, links, conditions } = report;
  const main = `<header><h1>Simulated migration</h1>
<p>${escapeHtml(guestText(guest))}.</p>
<p class="soft">${escapeHtml(conditionsText(conditions))}. Pages are really encoded and decoded; time is simulated from the CPU costs at the end of the page.</p>
${links.length > 1 ? contents(links) : ''}</header>
${links.map((at, i) => section(at, i, report)).join('\n')}`;
  return htmlPage({ title: `${guest.name}, pageferry simulate`, main, foot: foot(report) });
}

function contents(links: readonly LinkResults[]): string {
  const items = links.map(({ link }, i) => `<li><a href="#link-${i}">${escapeHtml(linkText(link))}</a></li>`);
  return `<nav aria-label="Links"><ul>${items.join('')}</ul></nav>`;
}

function section(at: LinkResults, number: number, { guest }: SimulationReport): string {
  return `<section id="link-${number}" aria-labelledby="name-${number}">
<h2 id="name-${number}">${escapeHtml(linkText(at.link))}</h2>
<ul class="advice four">${cards(at)}</ul>
${conclusionLines(at)
  .map((line) => `<p>${escapeHtml(line)}</p>`)
  .join('')}
${comparisonFigure(at)}
${historyFigure(at, guest)}
${deferredFigure(at)}
<h3>All numbers</h3>
${numbers(at)}
</section>`;
}

/** Return the best technique by each measure, of those within the downtime limit. */
function cards({ link, results }: LinkResults): string {
  const kept = ranked(results).filter(keepsLimit);
  const least = (of: (result: SimulationResult) => number) => kept.reduce((a, b) => (of(b) < of(a) ? b : a));
  const first = kept[0];
  if (!first) return '';
  const [data, cpu, downtime] = [
    least(({ bytes }) => bytes),
    least(({ cpuMs }) => cpuMs),
    least(({ downtimeMs }) => downtimeMs),
  ];
  const best: [string, SimulationResult, string][] = [
    [
      `fastest at ${rateText(link.bitsPerSecond)}`,
      first,
      `${msText(first.totalMs)} with ${msText(first.downtimeMs)} of downtime`,
    ],
    ['shortest downtime', downtime, msText(downtime.downtimeMs)],
    ['least data', data, bytesText(data.bytes)],
    ['least CPU', cpu, msText(cpu.cpuMs)],
  ];
  return best
    .map(
      ([title, { technique }, value]) =>
        `<li><p class="at">${title}</p><p class="use">${escapeHtml(technique)}</p><p>${value}</p></li>`,
    )
    .join('');
}

function numbers({ link, results }: LinkResults): string {
  const best = bestOf(results);
  const rows = ranked(results).map((result) => {
    const cells = [
      result.strategy,
      ...figuresOf(result),
      result.verified ? 'yes' : 'no',
      Math.round(result.pagesSent * result.scale).toLocaleString('en'),
      Math.round(result.comparedPages * result.scale).toLocaleString('en'),
    ];
    const name = `${result.technique} ${marksOf(result, best)}`.trim();
    const remarks = `<td class="words">${escapeHtml(remarksOf(result))}</td>`;
    return `<tr><th scope="row">${escapeHtml(name)}</th>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join('')}${remarks}</tr>`;
  });
  return scrollTable(`All numbers at ${linkText(link)}`, HEAD, `<tbody>${rows.join('')}</tbody>`);
}

function foot({ command, version, runtime, zstd, links, conditions, guest }: SimulationReport): string {
  const costs = links[0]?.results[0]?.costs;
  const facts: [string, string][] = [
    ['command', command],
    ['guest', guestText(guest)],
    ['links', links.map(({ link }) => linkText(link)).join('; ')],
    ['settings', conditionsText(conditions)],
    ['costs', costs?.name ?? ''],
    ['pageferry', version],
    ['runtime', runtime],
    ['zstd', zstd ?? 'not available'],
  ];
  return footer(facts, costs ? costsTable(costs) : '');
}

function costsTable(costs: Costs): string {
  const us = (value: number) => `${value} µs per page of 4 KiB`;
  const rate = (value: number) => `${Number((value / 1e3).toPrecision(4))} MB/s`;
  const each = (name: string, values: Readonly<Record<string, number>>, text: (value: number) => string) =>
    Object.entries(values).map(([key, value]) => [`${name} ${key}`, text(value)] as const);
  const {
    copyUs,
    scanUs,
    lookupUs,
    similarUs,
    profileUs,
    encodeUs,
    decodeUs,
    packBytesPerMs,
    unpackBytesPerMs,
    encryptBytesPerMs,
  } = costs;
  const rows = [
    ['copy', us(copyUs)],
    ['classify and hash', us(scanUs)],
    ['look up', us(lookupUs)],
    ['find similar', us(similarUs)],
    ['profile', us(profileUs)],
    ...each('encode', encodeUs, us),
    ...each('decode', decodeUs, us),
    ...each('pack', packBytesPerMs, rate),
    ...each('unpack', unpackBytesPerMs, rate),
    ['encrypt', rate(encryptBytesPerMs)],
  ] as const;
  const body = rows.map(
    ([name, value]) => `<tr><th scope="row">${escapeHtml(name)}</th><td>${escapeHtml(value)}</td></tr>`,
  );
  const table = scrollTable('CPU costs', ['work', 'cost'], `<tbody>${body.join('')}</tbody>`);
  return `<details><summary>CPU costs of the simulation</summary>${table}</details>`;
}
