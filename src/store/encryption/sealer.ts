/**
 * Encrypts the payloads of frames, and decrypts them. What it returns may be a view of what it was given. A
 * sealer is used on one thread.
 */
export interface FrameSealer {
  /** Bytes that `seal` adds, at most MAX_SEAL_BYTES. */
  readonly overheadBytes: number;
  /** Encrypt `payload`. `head`: first 24 bytes of the frame's head, authenticated with the payload. */
  seal(head: Uint8Array, payload: Uint8Array): Uint8Array;
  /**
   * Decrypt what `seal` returned.
   * @throws PageferryError `bad-stream` when the head or the bytes were changed, or the key is another one
   */
  open(head: Uint8Array, bytes: Uint8Array): Uint8Array;
}

/** Stores payloads as they were packed: for a store without a key file. */
export const PLAIN_SEALER: FrameSealer = {
  overheadBytes: 0,
  seal: (_head, payload) => payload,
  open: (_head, bytes) => bytes,
};
