import { ERROR_TABLE } from '../application/shared/error-table.ts';
import * as jobErrors from '../application/shared/job-errors.ts';
import * as mailErrors from '../application/shared/mailer.ts';
import { DomainError } from '../domain/shared/domain-error.ts';
import { CLI_FAILURES } from '../interfaces/cli/failure-report.ts';
import { errorMarkdown, errorTable } from '../interfaces/http/error-docs.ts';
import { PASSING_CONFLICTS } from '../interfaces/http/http-client.ts';
import { APPLICATION_CONTRACTS } from './contracts.ts';

/** Classes of errors that end inside: as the failure of a job, not as an answer. */
function insideErrors(): readonly { readonly code: string; readonly kind: string }[] {
  return Object.values({ ...jobErrors, ...mailErrors })
    .flatMap((value) => (isErrorClass(value) ? [{ code: value.code, kind: value.kind }] : []))
    .sort((a, b) => (a.code < b.code ? -1 : 1));
}

const isErrorClass = (value: unknown): value is { readonly code: string; readonly kind: string } =>
  typeof value === 'function' && value.prototype instanceof DomainError;

const PASSING = PASSING_CONFLICTS.map(({ code }) => `\`${code}\``).join(', ');

/** `docs/errors.md`: what each kind of error means, and every code that can be answered. */
export function errorsDocument(): string {
  const kinds = Object.entries(ERROR_TABLE).map(
    ([kind, { httpStatus, retry, exitCode }]) => `| ${kind} | ${httpStatus} | ${retry ? 'yes' : 'no'} | ${exitCode} |`,
  );
  return `# Errors

Written by \`npm run docs\` from the contracts.

A failure is \`{"success": false, "error": {"code", "message", "details"}, "timestamp"}\`, or \`application/problem+json\`
(RFC 9457) for clients that ask for it. Codes are stable; messages are for people and may change. Callers without the
permission \`gift-cards:diagnose\` are told \`gift_cards.refused\` for everything that would tell them something about a code.

Where fields of the input are at fault, \`details.issues\` lists them, each with its \`path\`, such as \`amount.amount\`, and a
\`message\`: with \`request.invalid_input\`, and with the codes for an amount, an expiry, a permission, a role or a type of event
that cannot be.

## Kinds

| Kind | HTTP status | Retry | Exit code |
| --- | --- | --- | --- |
${kinds.join('\n')}

Retry says whether the same request may succeed later. A 409 of the request itself passes within seconds, so that it has
\`Retry-After\`, and clients of this package repeat the request then: ${PASSING}.
Any other 409 waits for something else, which may take long, and clients of this package do not repeat it. For the batch to
be done (\`gift_cards.batch_not_ready\`) \`Retry-After\` says how often to ask; for the job to die (\`jobs.not_dead\`) there is
none.

## Codes

${errorMarkdown(errorTable(APPLICATION_CONTRACTS))}
## Codes of jobs

They stand in the failures of a job and in logs; some of them are answers as well.

| Code | Kind |
| --- | --- |
${insideErrors()
  .map(({ code, kind }) => `| \`${code}\` | ${kind} |`)
  .join('\n')}

## Codes of the command line

The program itself gives these, on standard error as \`{"error": {"code", "message"}}\`; no server answers them.

| Code | Kind | Exit code | Meaning |
| --- | --- | --- | --- |
${Object.entries(CLI_FAILURES)
  .map(([code, { kind, meaning }]) => `| \`${code}\` | ${kind} | ${ERROR_TABLE[kind].exitCode} | ${meaning} |`)
  .join('\n')}
`;
}
