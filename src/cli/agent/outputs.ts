// The log, the statistics and the metrics of an agent.
import fs from 'node:fs';
import { createServer } from 'node:http';
import type { Log } from '../../agent/log.js';
import type { AgentMetrics } from '../../agent/metrics.js';
import type { RoundLine } from '../../agent/round-stats.js';
import { type Address, addressText } from '../../channel/transports/address.js';
import { acceptError, listenReason, portOf } from '../../channel/transports/sockets.js';
import { systemReason } from '../../image/fs/errno.js';
import { STDOUT_FD } from '../../image/fs/output-target.js';
import { PageferryError } from '../../page/error.js';
import { printErrorLine } from '../terminal.js';

/** A log of one line a message on standard error, as text or JSON. */
export function createLog(json: boolean): Log {
  return ({ level, migration, message, forecast }) => {
    const time = new Date().toISOString();
    const number = migration > 0 ? ` migration ${migration}` : '';
    printErrorLine(
      json
        ? JSON.stringify({ time, level, migration, message, forecast })
        : `${time} ${level}${number}: ${message}`,
    );
  };
}

export interface StatsFile {
  readonly write: (line: RoundLine) => void;
  readonly close: () => void;
}

/**
 * Open the file of `--stats`: one JSON line a round. A write that fails is logged once and stops the
 * statistics, not the migration.
 */
export function openStats(path: string, log: Log): StatsFile {
  const fd = path === '-' ? STDOUT_FD : openFile(path);
  let isBroken = false;
  return {
    write(line) {
      if (isBroken) return;
      try {
        fs.writeSync(fd, `${JSON.stringify(line)}\n`);
      } catch (cause) {
        isBroken = true;
        const message = `--stats ${path}: ${systemReason(cause)}; no more lines are written`;
        log({ level: 'warn', migration: line.migration, message });
      }
    },
    close() {
      if (path !== '-') fs.closeSync(fd);
    },
  };
}

function openFile(path: string): number {
  try {
    return fs.openSync(path, 'a');
  } catch (cause) {
    throw new PageferryError('io', `--stats ${path}: ${systemReason(cause)}`, { cause });
  }
}

/** Serve `GET /metrics`. Return a function that stops it. @throws PageferryError `io` */
export async function serveMetrics(
  address: Address,
  role: string,
  meters: AgentMetrics,
  log: Log,
): Promise<() => void> {
  const server = createServer((request, response) => {
    const isMetrics = request.method === 'GET' && request.url === '/metrics';
    response.writeHead(isMetrics ? 200 : 404, { 'content-type': 'text/plain; version=0.0.4' });
    response.end(isMetrics ? meters.text(role) : 'GET /metrics\n');
  });
  await new Promise<void>((resolve, reject) => {
    const onError = (cause: Error) => {
      const message = `--metrics ${addressText(address)}: ${listenReason(address, cause)}`;
      reject(new PageferryError('io', message, { cause }));
    };
    server.once('error', onError).listen(address, () => {
      server.off('error', onError);
      resolve();
    });
  });
  server.on('error', (cause) =>
    log({ level: 'warn', migration: 0, message: acceptError('--metrics', cause).message }),
  );
  const bound = 'port' in address ? { ...address, port: portOf(server) ?? address.port } : address;
  log({ level: 'info', migration: 0, message: `metrics at http://${addressText(bound)}/metrics` });
  return () => {
    server.close();
    server.closeAllConnections();
  };
}
