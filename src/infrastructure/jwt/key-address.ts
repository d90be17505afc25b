import { isLoopback } from '../system/loopback.ts';

/** Whether keys may be fetched from there: by https, for whoever can change what travels could put in keys of their own. */
export function isTrustworthy({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
}
