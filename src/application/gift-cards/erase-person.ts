import type { GiftCardPorts } from './ports.ts';

type Ports = Pick<GiftCardPorts, 'eraser'>;

/** A person by an address to which codes were sent, or by the id as purchaser or holder. */
export interface PersonReference {
  readonly email?: string;
  readonly subjectId?: string;
}

/** Erases what gift cards know of a person besides ids; money and journal stay. Returns how many cards it touched. */
export function erasePerson({ eraser }: Ports): (tenant: string, person: PersonReference) => Promise<number> {
  return async (tenant, person) => {
    if (person.email === undefined && person.subjectId === undefined) return 0;
    return eraser.erase(tenant, person);
  };
}
