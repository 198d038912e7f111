import fs from 'node:fs';

/**
 * Return whether a path is a directory; false if it cannot be looked up: opening it will report the error.
 */
export function isDirectory(path: string): boolean {
  try {
    return fs.statSync(path).isDirectory();
  } catch {
    return false;
  }
}
