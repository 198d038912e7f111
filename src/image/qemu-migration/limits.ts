/**
 * Pages of a stream are apart in the file, so each needs some 60 bytes of memory while it is packed: 8 GiB of
 * pages that are not zero.
 */
export const MAX_CONTAINER_PAGES = 1 << 21;
