import { InvalidInput, PositionUnavailable } from './errors.ts';

/** How log positions are written outside: text that callers hand back unread. */
export interface PositionTokens {
  format(position: bigint): string;
  /** Throws `InvalidInput` for text that is no token, `PositionUnavailable` for a token of another epoch. */
  parse(token: string): bigint;
}

const TOKEN = /^(.{1,64})\.(\d{1,19})$/;
/** Positions are 64-bit integers with a sign. */
const GREATEST = 2n ** 63n - 1n;

/** Tokens bound to the log's epoch, so that a position from before a restore is refused, not misunderstood. */
export function positionTokens(epoch: string): PositionTokens {
  return {
    format: (position) => `${epoch}.${position}`,
    parse(token) {
      const [, tokenEpoch, position] = TOKEN.exec(token) ?? [];
      if (position === undefined || BigInt(position) > GREATEST) {
        throw new InvalidInput('The input does not fit the operation.', {
          issues: [{ path: 'after', message: 'not a log position' }],
        });
      }
      if (tokenEpoch !== epoch) {
        throw new PositionUnavailable('The log position is from before this log was restored; read without it.');
      }
      return BigInt(position);
    },
  };
}
