import type { Role } from './frame.js';

/** What a channel over a socket is given. */
export interface FrameChannelOptions {
  /** Of this side. */
  readonly role: Role;
  /** The other side, for messages. */
  readonly peer: string;
  /** What the other side's certificate names, as `identitiesOf` gives it; nothing without TLS. */
  readonly identities: readonly string[];
  /** It is given up when the other side neither sends nor takes a byte for so long. */
  readonly stallMs: number;
  readonly signal?: AbortSignal | undefined;
}
