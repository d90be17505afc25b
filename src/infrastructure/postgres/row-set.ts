/** A value of a row as it is written; anything structured is text by then. */
export type Cell = string | number | bigint | boolean | Date | null;

/** Columns in order: the type in the database, and the value of a row. */
export type Columns<Row> = Readonly<Record<string, readonly [type: string, of: (row: Row) => Cell]>>;

/**
 * Rows as one parameter for each column, which costs both sides less than JSON objects. `text` is a FROM item named
 * `row` whose parameters begin at `$first`; `values` are its parameters.
 */
export class RowSet<Row> {
  readonly names: string;
  readonly text: string;
  readonly #columns: readonly ((rows: readonly Row[]) => string)[];

  constructor(columns: Columns<Row>, first: number) {
    const entries = Object.entries(columns);
    const arrays = entries.map(([, [type]], index) => arrayOf(type, `$${first + index}`));
    this.names = entries.map(([name]) => name).join(', ');
    this.text = `unnest(${arrays.join(', ')}) AS row(${this.names})`;
    this.#columns = entries.map(
      ([, [type, of]]) =>
        (rows) =>
          isJson(type) ? rows.map(of).join(SEPARATOR) : arrayLiteral(rows, of),
    );
  }

  values(rows: readonly Row[]): readonly string[] {
    return this.#columns.map((column) => column(rows));
  }
}

/** JSON text has no control characters, so that one of them parts several texts that need no quoting at all. */
const SEPARATOR = '\x1e';
const isJson = (type: string): boolean => type.startsWith('json');

const arrayOf = (type: string, parameter: string): string =>
  isJson(type) ? `string_to_array(${parameter}, E'\\x1e')::${type}[]` : `${parameter}::${type}[]`;

/**
 * An array as PostgreSQL reads it. Every text is quoted, so that none can be taken for NULL or for the array's own
 * punctuation; within quotes only these two characters have a meaning (PostgreSQL 18 manual, 8.15.6).
 */
function arrayLiteral<Row>(rows: readonly Row[], of: (row: Row) => Cell): string {
  let literal = '{';
  for (const row of rows) {
    if (literal.length > 1) literal += ',';
    const cell = of(row);
    if (cell === null) literal += 'NULL';
    else if (typeof cell === 'string') literal += quoted(cell);
    else if (cell instanceof Date) literal += `"${cell.toISOString()}"`;
    else literal += cell.toString();
  }
  return `${literal}}`;
}

const quoted = (text: string): string =>
  `"${text.includes('"') || text.includes('\\') ? text.replaceAll(/["\\]/g, String.raw`\$&`) : text}"`;
