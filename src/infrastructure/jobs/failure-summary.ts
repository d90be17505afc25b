import { DomainError } from '../../domain/shared/domain-error.ts';
import { JobLeaseLost } from '../../application/shared/job-errors.ts';

const maxMessageLength = 500;

/**
 * What is kept of an error. Only a domain error's message is: it is written to be seen. Any other message may
 * repeat what the handler worked on (an address, a piece of the payload), so that the class, the code and the
 * place have to do.
 */
export function summarizeFailure(error: unknown): { readonly code: string; readonly message: string } {
  if (error instanceof DomainError) return { code: error.code, message: printable(error.message) };
  if (!(error instanceof Error)) return { code: 'unexpected', message: `A ${typeof error} was thrown` };
  return { code: 'unexpected', message: printable(`${error.name}${codeOf(error)}${placeOf(error)}`) };
}

/** ECONNREFUSED, a SQLSTATE and the like. */
function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' && /^\w{1,50}$/.test(error.code) ? ` ${error.code}` : '';
}

/** Where it was thrown, from the first line of the stack behind the message. */
function placeOf(error: Error): string {
  const head = `${error.name}: ${error.message}\n`;
  if (!error.stack?.startsWith(head)) return '';
  const [frame = ''] = error.stack.slice(head.length).split('\n', 1);
  return ` ${frame.trim()}`;
}

function printable(text: string): string {
  return text
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, maxMessageLength)
    .toWellFormed();
}

export const lostWorkerError = new JobLeaseLost('The worker died, or was silent for too long');

/** What is recorded of an attempt whose worker was not heard of any more. */
export const lostWorker = summarizeFailure(lostWorkerError);
