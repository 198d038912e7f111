// Agents as processes, with their logs.
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { cut } from '../../testing/qemu/replay.js';
import { DESTINATION, SOURCE } from '../channel/hosts.js';
import { FakeSource } from '../support/fake-qemus.js';
import { ended, type Run, start, until } from './cli.js';

const running: ChildProcess[] = [];

/** End every agent that is still running: `afterEach(killAgents)`. */
export function killAgents(): void {
  for (const child of running.splice(0)) child.kill('SIGKILL');
}

/** A running agent, and its log so far. */
export class AgentProcess {
  log = '';
  readonly run: Promise<Run>;
  readonly child: ChildProcess;

  constructor(args: readonly string[], options: SpawnOptions = {}) {
    this.child = start(['agent', ...args], { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    running.push(this.child);
    this.child.stderr!.on('data', (text) => {
      this.log += text;
    });
    this.run = ended(this.child);
  }

  /** Wait for a match in the log. */
  async logs(pattern: RegExp): Promise<RegExpExecArray> {
    return until(() => pattern.exec(this.log) ?? (this.child.exitCode !== null && this.exited()));
  }

  private exited(): never {
    throw new Error(`the agent exited with ${this.child.exitCode}: ${this.log}`);
  }
}

export function startSource(folder: string, port: string | number, ...options: string[]): AgentProcess {
  const listen = `unix:${join(folder, 'out')}`;
  return new AgentProcess(['source', '--listen', listen, '--peer', `127.0.0.1:${port}`, ...options]);
}

export function startDestination(folder: string, ...options: string[]): AgentProcess {
  const connect = `unix:${join(folder, 'in')}`;
  return new AgentProcess(['destination', '--listen', '127.0.0.1:0', '--connect', connect, ...options]);
}

export interface PairOptions {
  /** Options of both agents. */
  readonly security?: { readonly source: string[]; readonly destination: string[] };
  readonly source?: string[];
  readonly destination?: string[];
}

const INSECURE = { source: ['--insecure'], destination: ['--insecure'] };

/** Start both agents, and wait until they listen. */
export async function startPair(folder: string, options: PairOptions = {}) {
  const { security = INSECURE } = options;
  const destination = startDestination(folder, ...security.destination, ...(options.destination ?? []));
  const [, port] = await destination.logs(/listening for a source agent on port (\d+)/);
  const source = startSource(folder, port!, ...security.source, ...(options.source ?? []));
  await source.logs(/listening for QEMU/);
  return { source, destination, port: port! };
}

/** Write the TLS files of both hosts into `folder`, and return the options that name them. */
export function tlsOptions(folder: string): { source: string[]; destination: string[] } {
  const files = (name: string, { certificate, key, authorities }: typeof SOURCE) =>
    Object.entries({ cert: certificate, key, ca: authorities }).flatMap(([kind, pem]) => {
      const path = join(folder, `${name}.${kind}`);
      fs.writeFileSync(path, pem);
      return [`--tls-${kind}`, path];
    });
  return {
    source: files('a', SOURCE),
    destination: [...files('b', DESTINATION), '--allow-initiator', 'host-a'],
  };
}

/** Send a whole migration to the source agent. */
export async function migrate(folder: string, stream: Buffer): Promise<FakeSource> {
  const source = await FakeSource.connect(join(folder, 'out'));
  await source.write(cut(stream, 10_000));
  source.socket.end();
  return source;
}
