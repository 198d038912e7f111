import type { SimulationResult } from '../../simulate/simulate.js';
import {
  bestOf,
  conclusionLines,
  conditionsText,
  figuresOf,
  guestText,
  type LinkResults,
  linkText,
  ranked,
  remarksOf,
  type SimulationReport,
} from './simulation.js';
import { table } from './table.js';

const HEAD = [
  '',
  'technique',
  'total time',
  'downtime',
  'data',
  'CPU',
  'slowdown',
  'rounds',
  'verified',
  'remarks',
];

/** Return the terminal report: a table for every link, fastest technique first, and a conclusion. */
export function simulationText(report: SimulationReport): string {
  const { guest, conditions, links } = report;
  const costs = links[0]?.results[0]?.costs.name ?? '';
  const head = `${guestText(guest)}\n${conditionsText(conditions)}\nsimulated time, by the CPU costs of: ${costs}`;
  return `${[head, ...links.map(linkPart)].join('\n\n')}\n`;
}

function linkPart(at: LinkResults): string {
  const best = bestOf(at.results);
  const rows = ranked(at.results).map((result) => cells(result, result === best));
  return [linkText(at.link), '', table(HEAD, rows), '', ...conclusionLines(at)].join('\n');
}

function cells(result: SimulationResult, best: boolean): string[] {
  return [
    best ? '*' : ' ',
    result.technique,
    ...figuresOf(result),
    result.verified ? 'yes' : 'NO',
    remarksOf(result),
  ];
}
