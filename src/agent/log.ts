import type { ForecastLine } from './forecast-line.js';

/** One line of an agent's log. */
export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  /** Migrations of an agent are numbered from 1; 0 is the agent itself. */
  readonly migration: number;
  readonly message: string;
  /** The numbers of a message that forecasts the end of a migration. */
  readonly forecast?: ForecastLine;
}

export type Log = (line: LogLine) => void;
