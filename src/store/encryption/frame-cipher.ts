/**
 * Encryption of the payloads of frames. Both calls may return a view of their argument. An object is used on
 * one thread.
 */
export interface FrameCipher {
  /** Bytes that `encrypt` adds, at most MAX_ENCRYPTION_BYTES. */
  readonly overheadBytes: number;
  /** Encrypt `payload`. `head`: first 24 bytes of the frame's head, authenticated with the payload. */
  encrypt(head: Uint8Array, payload: Uint8Array): Uint8Array;
  /**
   * Decrypt what `encrypt` returned.
   * @throws PageferryError `bad-stream` when the head or the bytes were changed, or the key is another one
   */
  decrypt(head: Uint8Array, bytes: Uint8Array): Uint8Array;
}

/** Frames of a store without a key file: payloads are stored unencrypted. */
export const PLAIN_FRAMES: FrameCipher = {
  overheadBytes: 0,
  encrypt: (_head, payload) => payload,
  decrypt: (_head, bytes) => bytes,
};
