import { z } from 'zod';
import { command, context, personal, sampled } from '../shared/contract.ts';
import { email, userId } from '../shared/schemas.ts';

/** What a person may ask for about the data that is kept of him. */
export const privacy = context({
  name: 'privacy',
  noun: 'Person',
  operations: {
    erase: command({
      summary: 'Erase personal data of one person in every context',
      input: z
        .strictObject({ email: sampled(personal(email)).optional(), subjectId: userId.optional() })
        .refine(({ email, subjectId }) => email !== undefined || subjectId !== undefined, {
          message: 'give email or subjectId',
          path: ['email'],
        }),
      output: z.object({ erased: z.record(z.string(), z.int()).describe('Records touched, by context') }),
      errors: [],
      idempotency: 'none',
    }),
  },
  events: {},
});
