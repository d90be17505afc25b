import { isIPv6 } from 'node:net';
import type { Call } from '../../application/shared/call.ts';

export type Caller = Pick<Call, 'principal' | 'address'>;

/**
 * Whose calls are counted together: those of a principal, or of an address where nobody is known. Never anything
 * that a client may choose, such as a header. A known principal's key begins with its tenant, which has no blank.
 */
export function callerKey({ principal, address }: Caller): string {
  if (principal.kind !== 'anonymous') return `${principal.tenant} ${principal.id}`;
  return ` ${addressKey(address)}`;
}

/** An IPv4 address itself; of an IPv6 address its first 64 bits, since whoever has one has all that begin so. */
export function addressKey(address: string | undefined): string {
  if (address === undefined || !address.includes(':')) return address ?? 'unknown';
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  const [plain = ''] = address.split('%');
  if (!isIPv6(plain)) return 'unknown';
  const [head = '', tail] = plain.split('::');
  const left = groupsOf(head);
  const right = groupsOf(tail ?? '');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(zeros).fill('0'), ...right].slice(0, 4);
  return `${groups.map((group) => parseInt(group, 16).toString(16)).join(':')}::/64`;
}

/** An IPv4 address at the end stands for two groups; which ones doesn't matter here, they are never among the first. */
function groupsOf(part: string): readonly string[] {
  if (part === '') return [];
  return part.split(':').flatMap((group) => (group.includes('.') ? ['0', '0'] : [group]));
}
