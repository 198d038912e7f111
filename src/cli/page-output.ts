// The page that a command writes beside its report.
import { existsSync, realpathSync } from 'node:fs';
import { type AtomicWriter, createAtomicWriter } from '../image/fs/atomic-file.js';
import { UsageError } from './usage.js';

/** @throws UsageError for a page that cannot be one */
export function checkPage(command: string, path: string | undefined, inputs: readonly string[]): void {
  if (path === '') throw new UsageError(`${command}: a file name is empty`);
  if (path === '-')
    throw new UsageError(`${command}: --html -: standard output is for the summary: expected a file`);
  if (path !== undefined && inputs.some((input) => sameFile(input, path)))
    throw new UsageError(`${command}: --html ${path} is also an input`);
}

/** Opened before anything is measured, so that what cannot be written is known at once. @throws UsageError, PageferryError */
export function pageWriter(
  command: string,
  path: string | undefined,
  inputs: readonly string[],
): AtomicWriter | undefined {
  if (path === undefined) return undefined;
  checkPage(command, path, inputs);
  return createAtomicWriter(path);
}

function sameFile(a: string, b: string): boolean {
  return existsSync(a) && existsSync(b) && realpathSync(a) === realpathSync(b);
}

/** A command line as a shell would need it. */
export function commandLine(command: string, argv: readonly string[]): string {
  return ['pageferry', command, ...argv].map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
