import type { MustNotBeKept } from '../application/shared/pipeline.ts';
import { containsCode } from '../domain/gift-cards/code-in-text.ts';

/** What no context may keep, whichever it is that a caller writes to: the code of a gift card. */
export const mustNotBeKept: MustNotBeKept = containsCode;
