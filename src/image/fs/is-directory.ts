import fs from 'node:fs';

/** Whether a path is a directory; false for what cannot be looked up: whatever opens it reports the error. */
export function isDirectory(path: string): boolean {
  try {
    return fs.statSync(path).isDirectory();
  } catch {
    return false;
  }
}
