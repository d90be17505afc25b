/** A token as it is handed out, once. */
export interface IssuedToken {
  readonly id: string;
  /** What the bearer presents; never stored. */
  readonly text: string;
  /** What is stored in its place. */
  readonly hash: string;
}

/** Makes and recognises the texts of API tokens. */
export interface TokenSecrets {
  /** A token that nobody can guess, different each time. */
  issue(): IssuedToken;
  /** The id that a token's text names; undefined for text of another form or with a wrong checksum. */
  idOf(text: string): string | undefined;
  /** The stored form of any bearer text. */
  hash(text: string): string;
  /** Compares two hashes in a time that doesn't tell where they differ. */
  equal(left: string, right: string): boolean;
}
