/** A module of `bench/`, by its path there. The benches are plain JavaScript without types. */
// biome-ignore lint/suspicious/noExplicitAny: as said
export function bench(path: string): Promise<any> {
  return import(new URL(`../../bench/${path}`, import.meta.url).href);
}
