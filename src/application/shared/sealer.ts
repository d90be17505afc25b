/** A sealed text that was changed, is opened in another context, or was sealed under a pepper that is gone. */
export class SealBroken extends Error {
  override readonly name = 'SealBroken';
}

/**
 * Keeps a secret unreadable for whoever has only the database. The context says what the secret is for and is not
 * stored with it; with an idempotency key in it, only the client that repeats its request can have the secret opened.
 */
export interface Sealer {
  /** Sealing the same text twice gives two different results. */
  seal(plain: string, context: string): string;
  /** Gives back exactly what was sealed in the same context. Throws `SealBroken`. */
  open(sealed: string, context: string): string;
}
