import type { Command, CommandGroup } from './command.js';

/**
 * All commands in the order of `pageferry --help`. Each is loaded when it is called, so that a call loads no
 * other command. `scripts/build-cli.mjs` makes one file of each module that is imported here.
 */
export const COMMANDS = {
  pack: async () => (await import('./commands/pack.js')).command,
  unpack: async () => (await import('./commands/unpack.js')).command,
  verify: async () => (await import('./commands/verify.js')).command,
  mount: async () => (await import('./commands/mount.js')).command,
  serve: async () => (await import('./commands/serve.js')).command,
  inspect: async () => (await import('./commands/inspect.js')).command,
  analyze: async () => (await import('./commands/analyze.js')).command,
  capture: async () => (await import('./commands/capture.js')).command,
  tradeoff: async () => (await import('./commands/tradeoff.js')).command,
  simulate: async () => (await import('./commands/simulate.js')).command,
  store: async () => (await import('./commands/store.js')).command,
  advise: async () => (await import('./commands/advise.js')).command,
  agent: async () => (await import('./commands/agent.js')).command,
} as const satisfies Readonly<Record<string, () => Promise<Command | CommandGroup>>>;

/** Subcommands that are files of their own: their group takes longer to load than they take to run. */
export const SUBCOMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  'store list': async () => (await import('./store/list.js')).command,
};
