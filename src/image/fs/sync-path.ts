import fs from 'node:fs';

/** Store a file's content, or a directory's entries, durably. @throws the system's error */
export async function syncPath(path: string): Promise<void> {
  let fd: number;
  try {
    fd = fs.openSync(path, 'r');
  } catch {
    return; // a directory without read permission, or a system that cannot open directories
  }
  try {
    await fsync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

/** Call fsync; ignore the errors of file systems and devices without it. @throws the system's error */
export function fsync(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fs.fsync(fd, (error) => {
      if (error && !['EINVAL', 'ENOTSUP', 'EPERM'].includes(error.code ?? '')) reject(error);
      else resolve();
    });
  });
}
