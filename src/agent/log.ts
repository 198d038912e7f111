/** A line of an agent's log: a time, how grave it is, which migration, and what. */
export interface LogLine {
  readonly level: 'info' | 'warn' | 'error';
  /** Migrations of this agent are numbered from 1; 0: the agent itself. */
  readonly session: number;
  readonly message: string;
}

export type Log = (line: LogLine) => void;
