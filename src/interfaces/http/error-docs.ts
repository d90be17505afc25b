import type { DomainErrorClass } from '../../domain/shared/domain-error.ts';
import type { ContextContract } from '../../application/shared/contract.ts';
import { ERROR_TABLE } from '../../application/shared/error-table.ts';
import { spell } from '../../application/shared/spelling.ts';
import { statusOf, TRANSPORT_ERRORS, UNEXPECTED } from './http-errors.ts';

/** One line of the table of errors. */
export interface ErrorRow {
  readonly code: string;
  readonly status: number;
  readonly kind: string;
  /** Whether the same request may succeed later. */
  readonly retry: boolean;
  /** Operations whose contract lists it; none for an error that any request can meet. */
  readonly words: readonly string[];
}

/** Every error that can be answered, sorted by code. Throws where two classes claim one code. */
export function errorTable(contracts: readonly ContextContract[]): readonly ErrorRow[] {
  const found = new Map<DomainErrorClass, string[]>(TRANSPORT_ERRORS.map((type) => [type, []]));
  for (const contract of contracts) {
    for (const [verb, { errors }] of Object.entries(contract.operations)) {
      for (const type of errors) {
        if (TRANSPORT_ERRORS.includes(type)) continue; // Any operation can meet it, whoever lists it.
        found.set(type, [...(found.get(type) ?? []), spell(contract, verb).word]);
      }
    }
  }
  const rows = [...found].map(([type, words]): ErrorRow => {
    const { code, kind } = type;
    return { code, kind, status: statusOf(type), retry: ERROR_TABLE[kind].retry, words };
  });
  rows.push({ code: UNEXPECTED.code, kind: 'unexpected', status: UNEXPECTED.status, retry: true, words: [] });
  rows.sort((a, b) => (a.code < b.code ? -1 : 1));
  const double = rows.find(({ code }, index) => code === rows[index + 1]?.code);
  if (double !== undefined) throw new Error(`Two classes of errors have the code ${double.code}.`);
  return rows;
}

const HEAD = ['Code', 'Status', 'Kind', 'Retry', 'Operations'];
const cells = ({ code, status, kind, retry, words }: ErrorRow): string[] => [
  code,
  String(status),
  kind,
  retry ? 'yes' : 'no',
  words.length === 0 ? 'any' : words.join(', '),
];

/** The table in Markdown, for `docs/errors.md`. */
export function errorMarkdown(rows: readonly ErrorRow[]): string {
  const lines = [HEAD, HEAD.map(() => '---'), ...rows.map((row) => cells({ ...row, code: `\`${row.code}\`` }))];
  return `${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}\n`;
}

/** The table as a page; `/errors#<code>` is the `type` of problem details. Codes and words need no escaping. */
export function errorPage(rows: readonly ErrorRow[]): string {
  const line = (tag: string, texts: readonly string[]): string =>
    texts.map((text) => `<${tag}>${text}</${tag}>`).join('');
  const body = rows.map((row) => `<tr id="${row.code}">${line('td', cells(row))}</tr>`).join('\n');
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Errors</title></head>
<body>
<h1>Errors</h1>
<table>
<thead><tr>${line('th', HEAD)}</tr></thead>
<tbody>
${body}
</tbody>
</table>
</body>
</html>
`;
}
