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

/** Writes lines of a log. */
export type Log = (line: LogLine) => void;

/** Logs messages of one migration, or of the agent itself. */
export type MessageLog = (level: LogLine['level'], message: string) => void;

/** Return a log for the messages of one migration; 0: of the agent itself. */
export function messageLog(log: Log, migration: number): MessageLog {
  return (level, message) => log({ level, migration, message });
}
