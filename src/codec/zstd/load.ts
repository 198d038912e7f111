import { nodeModule } from '../../page/node-hooks.js';
import type { Zstd } from '../zstd.js';
import { nodeZstd } from './node.js';
import { packageZstd } from './package.js';

/**
 * The best zstd at hand, or undefined where there is none: then the engine works without it.
 * `packagePath`: where the optional package is, for a worker that cannot look for it.
 */
export async function loadZstd(packagePath?: string): Promise<Zstd | undefined> {
  const zlib = nodeModule<typeof import('node:zlib')>('node:zlib');
  return (zlib && nodeZstd(zlib)) ?? (await packageZstd(packagePath));
}
