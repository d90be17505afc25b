import type { Handlers } from '../shared/pipeline.ts';
import { privacy } from './contract.ts';

export { privacy };

/** Whom to erase; at least one of the two is given. */
export interface ErasedPerson {
  readonly email?: string;
  readonly subjectId?: string;
}

/** How one context erases a person; repeating it is harmless. Returns how many records it touched. */
export interface PersonEraser {
  readonly context: string;
  readonly erase: (tenant: string, person: ErasedPerson) => Promise<number>;
}

/** The handlers of the `privacy` contract over all contexts' erasers. */
export const privacyHandlers = (erasers: readonly PersonEraser[]): Handlers<typeof privacy> => ({
  async erase({ email, subjectId }, { principal: { tenant } }) {
    const person = { ...(email !== undefined && { email }), ...(subjectId !== undefined && { subjectId }) };
    const erased: Record<string, number> = {};
    for (const { context, erase } of erasers) erased[context] = await erase(tenant, person);
    return { data: { erased } };
  },
});
