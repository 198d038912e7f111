/** Import a module of `bench/`, which is plain JavaScript without types. */
// biome-ignore lint/suspicious/noExplicitAny: no types exist
export function bench(path: string): Promise<any> {
  return import(new URL(`../../bench/${path}`, import.meta.url).href);
}
