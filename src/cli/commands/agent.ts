import { check } from '../agent/check.js';
import { destination } from '../agent/destination.js';
import { migrate } from '../agent/migrate.js';
import { source } from '../agent/source.js';
import type { CommandGroup } from '../command.js';

export const command: CommandGroup = {
  name: 'agent',
  summary: 'migrate a QEMU guest with compression between two hosts',
  subcommands: [source, destination, migrate, check],
};
