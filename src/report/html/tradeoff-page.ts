import type { Advice, ReportOrigin, TradeoffReport, WorkloadReport } from '../../analyze/tradeoff/report.js';
import { ceilingText, costText, factsText, TERMS } from '../terminal/advice.js';
import { useText } from '../terminal/names.js';
import { bytesText, rateText } from '../terminal/units.js';
import { footer, htmlPage } from './document.js';
import { escapeHtml } from './escape.js';
import { linkFigure } from './link-chart.js';
import { numbersTable, stepsTable } from './numbers.js';
import { mapFigure } from './page-map.js';
import { paretoFigure } from './pareto-chart.js';
import { roundsFigure } from './rounds-chart.js';
import { timelineFigures } from './timeline-chart.js';

/** Render a tradeoff report as a self-contained HTML page: no network, no script. */
export function renderPage(report: TradeoffReport): string {
  const { workloads, links, origin } = report;
  const sections = workloads.map((workload, i) => section(workload, links, i));
  const title = 'Compression cost against transfer time';
  const main = `<header><h1>${title}</h1>
<p>CPU overhead against transfer size of ${workloads.length === 1 ? 'one workload' : `${workloads.length} workloads`}, measured on ${escapeHtml(origin.cpu)} with ${threadsText(origin)} packing.</p>
${workloads.length > 1 ? contents(workloads) : ''}</header>
${sections.join('\n')}`;
  return htmlPage({
    title: [...workloads.map(({ name }) => name), 'pageferry tradeoff'].join(', '),
    main,
    foot: foot(origin),
  });
}

function contents(workloads: readonly WorkloadReport[]): string {
  const items = workloads.map(({ name }, i) => `<li><a href="#workload-${i}">${escapeHtml(name)}</a></li>`);
  return `<nav aria-label="Workloads"><ul>${items.join('')}</ul></nav>`;
}

function section(workload: WorkloadReport, links: readonly number[], number: number): string {
  const ceiling = ceilingText(workload);
  return `<section id="workload-${number}" aria-labelledby="name-${number}">
<h2 id="name-${number}">${escapeHtml(workload.name)}</h2>
<p class="soft">${escapeHtml(factsText(workload))}</p>
<ul class="advice">${workload.advice.map((advice) => card(advice, workload.bytesIn)).join('')}</ul>
${ceiling === '' ? '' : `<p class="ceiling">${escapeHtml(ceiling[0]!.toUpperCase() + ceiling.slice(1))}.</p>`}
<p class="soft">${escapeHtml(TERMS[0]!.toUpperCase() + TERMS.slice(1))}.</p>
${paretoFigure(workload, links)}
${linkFigure(workload, links)}
${mapFigure(workload)}
${roundsFigure(workload, links)}
${timelineFigures(workload, links)}
${stepsTable(workload)}
<h3>All numbers</h3>
${numbersTable(workload, links)}
</section>`;
}

function card(advice: Advice, bytesIn: number): string {
  const { linkBitsPerSecond, use, totalMs, rawMs } = advice;
  const saved = rawMs === 0 ? 0 : Math.round(100 * (1 - totalMs / rawMs));
  const gain = saved >= 1 ? ` <span class="gain">${saved} % less time</span>` : '';
  const cost = escapeHtml(costText(advice, bytesIn));
  return `<li><p class="at">at ${rateText(linkBitsPerSecond)}</p><p class="use">${escapeHtml(useText(use))}${gain}</p><p>${cost}</p></li>`;
}

function foot(origin: ReportOrigin): string {
  const facts: [string, string][] = [
    ['command', origin.command],
    ['time', origin.at.replace('T', ' ').replace(/(:\d\d)(?:\.\d+)?Z$/, '$1 UTC')],
    ['pageferry', origin.version],
    ['runtime', origin.runtime],
    ['zstd', origin.zstd ?? 'not available'],
    [
      'machine',
      `${origin.cpu}, ${origin.cores} ${origin.cores === 1 ? 'core' : 'cores'}, ${bytesText(origin.memoryBytes)}, ${origin.platform}`,
    ],
    ['threads', threadsText(origin)],
  ];
  return footer(facts);
}

function threadsText({ threads }: ReportOrigin): string {
  return `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}
