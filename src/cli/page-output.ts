import { type AtomicWriter, createAtomicWriter } from '../image/fs/atomic-file.js';
import { checkPage } from './paths.js';

/**
 * A writer of the HTML page; opened before the work begins, so that a path that cannot be written fails at
 * once.
 */
export function pageWriter(path: string | undefined, inputs: readonly string[]): AtomicWriter | undefined {
  if (path === undefined) return undefined;
  checkPage(path, inputs);
  // A report may be read by others, as the umask allows; unlike guest memory.
  return createAtomicWriter(path, { mode: 0o666 & ~process.umask() });
}

/** The command line, quoted for a shell. */
export function commandLine(command: string, argv: readonly string[]): string {
  return ['pageferry', command, ...argv].map(quoted).join(' ');
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
