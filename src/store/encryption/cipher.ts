// AES-256-GCM of frames and records.
//
//   encrypted   = session[16] count[8] ciphertext tag[16]
//   session key = HKDF-SHA-256(key, salt: session, info: "pageferry store 1 session")
//   nonce       = 0[4] count[8]
//
// A nonce is unique by construction: a session is 128 random bits, drawn when a cipher encrypts for the first
// time; each session has its own key, and its count only rises. No state is stored, so a crash, a copy of the
// store or two programs cannot repeat a nonce.
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { PageferryError } from '../../page/error.js';
import { KEY_BYTES } from './derive-key.js';

const SESSION_BYTES = 16;
const COUNT_BYTES = 8;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';
/** Cached keys of sessions. */
const MAX_SESSIONS = 256;

/** Bytes that encrypting adds. */
export const CIPHER_OVERHEAD_BYTES = SESSION_BYTES + COUNT_BYTES + TAG_BYTES;

/** Encrypts and decrypts with one key of a store. */
export class Cipher {
  private session: Uint8Array | undefined;
  private count = 0n;
  private readonly sessionKeys = new Map<string, Uint8Array>();

  constructor(private readonly key: Uint8Array) {}

  /** Encrypt `plain`; `associated` is authenticated with it. */
  encrypt(associated: Uint8Array, plain: Uint8Array): Uint8Array {
    this.session ??= randomBytes(SESSION_BYTES);
    const out = new Uint8Array(plain.length + CIPHER_OVERHEAD_BYTES);
    out.set(this.session);
    new DataView(out.buffer).setBigUint64(SESSION_BYTES, this.count++, true);
    const cipher = createCipheriv(ALGORITHM, this.sessionKey(this.session), nonceOf(out));
    cipher.setAAD(associated);
    out.set(cipher.update(plain), SESSION_BYTES + COUNT_BYTES);
    cipher.final();
    out.set(cipher.getAuthTag(), out.length - TAG_BYTES);
    return out;
  }

  /** Decrypt the result of `encrypt`. `label` names it in errors. @throws PageferryError `bad-stream` */
  decrypt(associated: Uint8Array, encrypted: Uint8Array, label: string): Uint8Array {
    const end = encrypted.length - TAG_BYTES;
    if (end < SESSION_BYTES + COUNT_BYTES)
      throw new PageferryError('bad-stream', `${label}: ${encrypted.length} bytes, too few to be encrypted`);
    const key = this.sessionKey(encrypted.subarray(0, SESSION_BYTES));
    const cipher = createDecipheriv(ALGORITHM, key, nonceOf(encrypted), { authTagLength: TAG_BYTES });
    cipher.setAAD(associated);
    cipher.setAuthTag(encrypted.subarray(end));
    const plain = cipher.update(encrypted.subarray(SESSION_BYTES + COUNT_BYTES, end));
    try {
      cipher.final();
    } catch (cause) {
      throw new PageferryError('bad-stream', `${label}: is not what was encrypted: its tag differs`, {
        cause,
      });
    }
    return plain;
  }

  private sessionKey(session: Uint8Array): Uint8Array {
    const name = Buffer.from(session).toString('latin1');
    let key = this.sessionKeys.get(name);
    if (!key) {
      key = new Uint8Array(hkdfSync('sha256', this.key, session, 'pageferry store 1 session', KEY_BYTES));
      if (this.sessionKeys.size === MAX_SESSIONS)
        this.sessionKeys.delete(this.sessionKeys.keys().next().value!);
      this.sessionKeys.set(name, key);
    }
    return key;
  }
}

function nonceOf(encrypted: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  nonce.set(encrypted.subarray(SESSION_BYTES, SESSION_BYTES + COUNT_BYTES), NONCE_BYTES - COUNT_BYTES);
  return nonce;
}
