import type { CommandGroup } from '../command.js';
import { check } from '../store/check.js';
import { exportCommand } from '../store/export.js';
import { gc } from '../store/gc.js';
import { get } from '../store/get.js';
import { importCommand } from '../store/import.js';
import { init } from '../store/init.js';
import { command as list } from '../store/list.js';
import { prune } from '../store/prune.js';
import { put } from '../store/put.js';
import { repack } from '../store/repack.js';
import { rm } from '../store/rm.js';
import { show } from '../store/show.js';
import { stats } from '../store/stats.js';

export const command: CommandGroup = {
  name: 'store',
  summary: 'store snapshots, each page once: put, get, list, rm, gc',
  isOneRow: true,
  subcommands: [
    init,
    put,
    get,
    list,
    show,
    stats,
    rm,
    prune,
    repack,
    gc,
    check,
    exportCommand,
    importCommand,
  ],
};
