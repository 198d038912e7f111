import type { CommandGroup } from '../command.js';
import { exportCommand } from '../store/export.js';
import { get } from '../store/get.js';
import { importCommand } from '../store/import.js';
import { init } from '../store/init.js';
import { list } from '../store/list.js';
import { prune } from '../store/prune.js';
import { put } from '../store/put.js';
import { rm } from '../store/rm.js';
import { show } from '../store/show.js';

export const command: CommandGroup = {
  name: 'store',
  summary: 'keep snapshots deduplicated; put, get, list, rm, ...',
  isOneRow: true,
  subcommands: [init, put, get, list, show, rm, prune, exportCommand, importCommand],
};
