// The agents parse their own options until they are described by a table.
import { agent } from './commands/agent.js';

export interface LegacyCommand {
  readonly name: string;
  readonly summary: string;
  readonly legacy: (argv: readonly string[]) => Promise<void>;
}

export const command: LegacyCommand = {
  name: 'agent',
  summary: 'run beside QEMU: agent source, agent destination',
  legacy: agent,
};
