/**
 * An authenticated connection between two hosts, for one guest after another: see `sendGuest` and
 * `receiveGuest`. Any failure ends the channel on both hosts; the first cause is reported to the peer if
 * possible, and every later call throws it.
 */
export interface Channel {
  /** Address of the peer, for messages. */
  readonly peer: string;
  /**
   * Names in the peer's verified certificate: `CN:…`, `DNS:…`, `URI:…`. Empty for transports without
   * certificates.
   */
  readonly identities: readonly string[];
  /** Aborts as soon as the channel has ended, for whatever reason, with the first cause as its reason. */
  readonly signal: AbortSignal;
  /** Resolves once the socket is closed and no timer is left. */
  readonly closed: Promise<void>;
  /** End the channel in good order. Idempotent; returns `closed`. */
  close(): Promise<void>;
}
