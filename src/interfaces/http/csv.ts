import { resolve, type JsonSchema } from './json-schema.ts';

/** One column: its dotted name and how to read its cell from an item. */
export interface CsvColumn {
  readonly name: string;
  readonly read: (item: unknown) => unknown;
}

const NEEDS_QUOTES = /[",\r\n]/;
const FORMULA = /^[=+\-@\t\r]/;
const PLAIN_NUMBER = /^[+-]?\d+(?:\.\d+)?$/;

/** The columns of a list whose items are objects, nested objects taken apart; undefined for other items. */
export function csvColumns(output: JsonSchema): readonly CsvColumn[] | undefined {
  const item = resolve(output, output);
  return item.properties === undefined ? undefined : columnsOf(item, output, '', (value) => value);
}

function columnsOf(object: JsonSchema, root: JsonSchema, prefix: string, read: CsvColumn['read']): CsvColumn[] {
  return Object.entries(object.properties ?? {}).flatMap(([key, property]) => {
    const name = `${prefix}${key}`;
    const readField = (item: unknown): unknown => (read(item) as { [key: string]: unknown } | null | undefined)?.[key];
    const schema = resolve(property, root);
    if (schema.properties === undefined || name.split('.').length > 8) return [{ name, read: readField }];
    return columnsOf(schema, root, `${name}.`, readField);
  });
}

/** One line of RFC 4180. Lists and free objects stand as JSON; nothing stands for null. */
export function csvLine(cells: readonly unknown[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

function csvCell(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') return quote(typeof value === 'object' ? JSON.stringify(value) : String(value));
  // A spreadsheet would run such text as a formula; an apostrophe makes it text. Signed numbers stay what they are.
  return quote(FORMULA.test(value) && !PLAIN_NUMBER.test(value) ? `'${value}` : value);
}

function quote(text: string): string {
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
