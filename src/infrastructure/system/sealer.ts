import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { SealBroken, type Sealer } from '../../application/shared/sealer.ts';
import { pepperTable, type Pepper } from './pepper.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEALED = /^1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_-]+)$/;

/**
 * Seals with AES-256-GCM. Each context has a key of its own, derived by HKDF-SHA-256 from the pepper, so the random
 * nonces of one key never come near their limit. The newest pepper, the first, seals; all of them open.
 * Form: `1.<pepper id>.<base64url of nonce, ciphertext, tag>`. Throws `TypeError` for unusable peppers.
 */
export function createSealer(peppers: readonly Pepper[]): Sealer {
  const roots = new Map([...pepperTable(peppers).values()].map(({ id, secret }) => [id, extract(secret)]));
  const [newestId = '', newest] = [...roots][0] ?? [];
  return {
    seal(plain, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, expand(newest as KeyObject, context), nonce);
      cipher.setAAD(header(newestId));
      const parts = [nonce, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()];
      return `1.${newestId}.${Buffer.concat(parts).toString('base64url')}`;
    },
    open(sealed, context) {
      const [, id = '', body = ''] = SEALED.exec(sealed) ?? [];
      const root = roots.get(id);
      const bytes = Buffer.from(body, 'base64url');
      if (root === undefined || bytes.length < NONCE_BYTES + TAG_BYTES || bytes.toString('base64url') !== body) {
        throw new SealBroken('The sealed text has no known form or names no configured pepper.');
      }
      const decipher = createDecipheriv(CIPHER, expand(root, context), bytes.subarray(0, NONCE_BYTES));
      decipher.setAAD(header(id));
      decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
      const plain = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      try {
        return Buffer.concat([plain, decipher.final()]).toString('utf8');
      } catch {
        throw new SealBroken('The sealed text was changed or belongs to another context.');
      }
    },
  };
}

const header = (pepperId: string): Buffer => Buffer.from(`portolan.seal.1.${pepperId}`);

/** HKDF's first step (RFC 5869), done once: node's own function repeats it for every key and takes four times as long. */
function extract(secret: Uint8Array): KeyObject {
  return createSecretKey(createHmac('sha256', Buffer.alloc(32)).update(secret).digest());
}

/** HKDF's second step; the 32 bytes that are needed are its first block. */
function expand(root: KeyObject, context: string): Buffer {
  return createHmac('sha256', root).update(`portolan.seal.1:${context}\x01`, 'utf8').digest();
}
