import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { TokenSecrets } from '../../application/access/token-secrets.ts';

const TOKEN = /^ptl_([0-9a-f]{24})_[A-Za-z0-9_-]{43}[0-9a-z]{7}$/;
const CHECKSUM_LENGTH = 7;

/**
 * Texts of the form `ptl_<24 hexadecimal digits: the id>_<43 of base64url: 256 random bits><7 of base 36: CRC-32>`.
 * Prefix and checksum let secret scanners recognise a leaked token without asking anybody.
 *
 * The hash is plain SHA-256: a slow one protects secrets that people choose, and 256 random bits cannot be guessed
 * however fast the hash is.
 */
export const tokenSecrets: TokenSecrets = {
  issue() {
    const id = randomBytes(12).toString('hex');
    const body = `ptl_${id}_${randomBytes(32).toString('base64url')}`;
    const text = body + checksum(body);
    return { id, text, hash: sha256(text) };
  },
  idOf(text) {
    const id = TOKEN.exec(text)?.[1];
    const body = text.slice(0, -CHECKSUM_LENGTH);
    return id !== undefined && text.endsWith(checksum(body)) ? id : undefined;
  },
  hash: sha256,
  equal(left, right) {
    const [a, b] = [Buffer.from(left), Buffer.from(right)];
    return a.length === b.length && timingSafeEqual(a, b);
  },
};

function sha256(text: string): string {
  return hash('sha256', text);
}

function checksum(body: string): string {
  return crc32(body).toString(36).padStart(CHECKSUM_LENGTH, '0');
}
