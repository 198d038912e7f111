// QEMU's connections of one migration are numbered in the order in which it opens them.

/** Number of the main connection, which carries the migration stream. */
export const MAIN = 0;
/** Maximum number of connections of one migration. */
export const MAX_CONNECTIONS = 64;
