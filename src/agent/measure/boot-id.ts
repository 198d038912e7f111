import fs from 'node:fs';

/** Linux's id of this boot: two agents with the same one run on one host. Undefined on other systems. */
export function bootId(): string | undefined {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return undefined;
  }
}
