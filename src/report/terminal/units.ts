const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** A byte count with a binary unit: "512 bytes", "1.50 MiB". */
export function bytesText(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 2 : 1)} ${units[unit]}`;
}

/** A number of things: "1 frame", "2 frames". */
export function countText(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** A bit rate with a decimal unit and three digits: "1.25 Gbit/s". */
export function rateText(bitsPerSecond: number): string {
  const units = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'];
  let value = bitsPerSecond;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}

/** A duration in the unit that suits it: "4.2 ms", "1.50 s", "12.0 min", "3.00 h". */
export function msText(ms: number): string {
  if (ms >= 2 * HOUR_MS) return `${(ms / HOUR_MS).toFixed(2)} h`;
  if (ms >= 10 * MINUTE_MS) return `${(ms / MINUTE_MS).toFixed(1)} min`;
  return ms < 1000 ? `${ms.toFixed(ms < 10 ? 1 : 0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** `part` of `whole` in percent, 0.0 of an empty whole: "12.5 %". */
export function percentText(part: number, whole: number): string {
  return `${whole === 0 ? '0.0' : ((100 * part) / whole).toFixed(1)} %`;
}
