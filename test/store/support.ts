import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { bytesSink } from '../../src/image/memory.js';
import { createStore, type Store, type StoreLayout } from '../../src/store.js';

export const PAGE = 4096;

/** Stores in one folder, which is removed after the file's tests. */
export function storeFolder(): { readonly path: string; create(layout?: StoreLayout): Promise<Store> } {
  const path = fs.mkdtempSync(join(tmpdir(), 'pageferry-store-'));
  afterAll(() => fs.rmSync(path, { recursive: true, force: true }));
  let count = 0;
  return { path, create: (layout = {}) => createStore(join(path, `store-${count++}`), layout) };
}

export async function imageOf(store: Store, name: string): Promise<Uint8Array> {
  const sink = bytesSink();
  await store.get(name, sink);
  return sink.take();
}
