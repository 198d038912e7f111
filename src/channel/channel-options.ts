import type { Role } from './frame.js';

/** Options of a channel over a socket. */
export interface FrameChannelOptions {
  /** Role of this host. */
  readonly role: Role;
  /** Address of the peer, for messages. */
  readonly peer: string;
  /** Names in the peer's certificate; empty without TLS. */
  readonly identities: readonly string[];
  /** The channel fails when the peer sends nothing, or accepts nothing, for this time. */
  readonly stallMs: number;
  /** Whether the channel is plain TCP to a peer that may expect TLS. */
  readonly isPlainTcp?: boolean;
  readonly signal?: AbortSignal | undefined;
}
