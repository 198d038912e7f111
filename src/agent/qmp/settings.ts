/** Capabilities and parameters of QEMU for one migration. */
export interface MigrationSettings {
  readonly capabilities: Readonly<Record<string, boolean>>;
  readonly parameters: Readonly<Record<string, number | string>>;
}

/** `max-bandwidth` of a QEMU whose operator has not set it: 1 Gbit/s. */
const DEFAULT_MAX_BANDWIDTH = 134_217_728;
/** Largest rate that a QEMU accepts on every platform is higher; no link reaches this one. */
export const UNLIMITED_BANDWIDTH = 10_000_000_000;

/** `multifd on, postcopy-ram off, multifd-channels 2, ...` */
export function settingsText({ capabilities, parameters }: MigrationSettings): string {
  return [
    ...Object.entries(capabilities).map(([name, isOn]) => `${name} ${isOn ? 'on' : 'off'}`),
    ...Object.entries(parameters).map(([name, value]) => `${name} ${value}`),
  ].join(', ');
}

/** `max-bandwidth` in bytes a second, where the operator has set it. */
export function maxBandwidth(parameters: Readonly<Record<string, unknown>>): number | undefined {
  const limit = Number(parameters['max-bandwidth']);
  return limit > 0 && limit !== DEFAULT_MAX_BANDWIDTH ? limit : undefined;
}
