import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ioError } from './errno.js';

/** A folder that only its owner can use, in the system's folder for temporary files (`TMPDIR`). */
export interface TemporaryFolder {
  readonly path: string;
  /** Remove the folder with its content. Idempotent. */
  remove(): void;
}

const folders = new Set<string>();

/** Remove every temporary folder. For a program that a signal is about to end. */
export function removeTemporaryFolders(): void {
  for (const path of folders)
    try {
      removeFolder(path);
    } catch {} // the program ends for another reason, which it reports
}

/** Create a temporary folder. @throws PageferryError `io` */
export function createTemporaryFolder(): TemporaryFolder {
  let path: string;
  try {
    path = fs.mkdtempSync(join(tmpdir(), 'pageferry-'));
  } catch (cause) {
    throw ioError(tmpdir(), 'cannot create a temporary folder there (TMPDIR)', cause);
  }
  folders.add(path);
  return { path, remove: () => removeFolder(path) };
}

function removeFolder(path: string): void {
  if (folders.delete(path)) fs.rmSync(path, { recursive: true, force: true });
}
