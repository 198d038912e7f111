import { bytesOfHex, type StoreConfig } from '../config.js';
import { STORE_ID_BYTES } from '../format.js';
import { CIPHER_OVERHEAD_BYTES, Cipher } from './cipher.js';
import { deriveKey } from './derive-key.js';
import { type FrameCipher, PLAIN_FRAMES } from './frame-cipher.js';
import { storeSecret } from './key-file.js';
import { createRecordCipher, PLAIN_RECORDS, type RecordCipher } from './record-cipher.js';

/** Keys and ciphers of a store. */
export interface StoreSecrets {
  /** Key of the pages' digests, 32 bytes. */
  readonly digestKey: Uint8Array;
  readonly frameCipher: FrameCipher;
  readonly recordCipher: RecordCipher;
  readonly isEncrypted: boolean;
}

/**
 * Return the secrets of the store in `dir`. `known`: the content of the key file if it was read before.
 * @throws PageferryError without its key file
 */
export function openSecrets(
  dir: string,
  config: StoreConfig,
  keyFile?: string,
  known?: Uint8Array,
): StoreSecrets {
  const secret = storeSecret(dir, config, keyFile, known);
  if (!secret) {
    const digestKey = bytesOfHex(config.digestKey!);
    return { digestKey, frameCipher: PLAIN_FRAMES, recordCipher: PLAIN_RECORDS, isEncrypted: false };
  }
  const { id } = config;
  return {
    digestKey: deriveKey(secret, id, 'digests'),
    frameCipher: createFrameCipher(new Cipher(deriveKey(secret, id, 'frames')), bytesOfHex(id)),
    recordCipher: createRecordCipher(
      new Cipher(deriveKey(secret, id, 'records')),
      deriveKey(secret, id, 'names'),
      id,
    ),
    isEncrypted: true,
  };
}

/** Create a cipher of frames. A payload is authenticated with the store's id and the head of its frame. */
function createFrameCipher(cipher: Cipher, storeId: Uint8Array): FrameCipher {
  const associated = (head: Uint8Array) => {
    const bytes = new Uint8Array(STORE_ID_BYTES + head.length);
    bytes.set(storeId);
    bytes.set(head, STORE_ID_BYTES);
    return bytes;
  };
  return {
    overheadBytes: CIPHER_OVERHEAD_BYTES,
    encrypt: (head, payload) => cipher.encrypt(associated(head), payload),
    decrypt: (head, bytes) => cipher.decrypt(associated(head), bytes, frameOf(head)),
  };
}

function frameOf(head: Uint8Array): string {
  return `frame ${new DataView(head.buffer, head.byteOffset).getUint32(4, true)}`;
}
