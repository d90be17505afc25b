import type { ClientBase } from 'pg';

/**
 * Describes what the migrations have made, as text that two databases of the same version share to the letter: every
 * schema but PostgreSQL's own and `public`, with sequences, tables, columns, constraints, indexes, triggers, views,
 * types, functions and grants. Left out are names of owners, and the log's dated partitions, of which older databases
 * have more. The client must not be in a transaction.
 */
export async function schemaDump(client: ClientBase): Promise<string> {
  await client.query('BEGIN READ ONLY');
  try {
    // With an empty search path every name is printed with its schema, whoever asks.
    await client.query(`SET LOCAL search_path = ''`);
    const { rows } = await client.query<{ line: string }>(DUMP);
    return rows.map(({ line }) => `${line}\n`).join('');
  } finally {
    await client.query('ROLLBACK');
  }
}

/** One line for each grant in the access list `acl`, owners' own rights left out. */
const grants = (acl: string, owner: string): string => `
  SELECT '  grant ' || string_agg(entry.privilege_type, ', ' ORDER BY entry.privilege_type) || ' to '
         || CASE entry.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(entry.grantee) END AS line
    FROM aclexplode(${acl}) entry
   WHERE entry.grantee <> ${owner}
   GROUP BY entry.grantee`;

/** Each part yields the object that a line belongs to, the line's place within it, and the line. */
const DUMP = `
  WITH namespace AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
     WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
  ), relation AS (
    SELECT c.*, n.nspname || '.' || c.relname AS name
      FROM pg_class c JOIN namespace n ON n.oid = c.relnamespace
     WHERE NOT (c.relispartition AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT')
  ), part (object, place, line) AS (
    SELECT nspname, 0, 'schema ' || nspname FROM namespace
    UNION ALL
    SELECT nspname, 9, g.line FROM namespace, LATERAL (${grants('nspacl', 'nspowner')}) g
    UNION ALL
    SELECT r.name, 0, 'sequence ' || r.name || ' ' || format_type(s.seqtypid, NULL) || ' start ' || s.seqstart
           || ' increment ' || s.seqincrement || ' cache ' || s.seqcache || CASE WHEN s.seqcycle THEN ' cycle' ELSE '' END
      FROM relation r JOIN pg_sequence s ON s.seqrelid = r.oid
    UNION ALL
    SELECT name, 0, CASE relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'table ' END || name
           || CASE WHEN relpersistence = 'u' THEN ' unlogged' ELSE '' END
           || coalesce(' partition by ' || pg_get_partkeydef(oid), '')
           || coalesce(' partition of ' || (SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = relation.oid)
                       || ' ' || pg_get_expr(relpartbound, oid), '')
           || coalesce(' with (' || array_to_string(reloptions, ', ') || ')', '')
      FROM relation WHERE relkind IN ('r', 'p', 'v', 'm')
    UNION ALL
    SELECT r.name, 1, '  column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
           || CASE a.attidentity WHEN 'a' THEN ' identity always' WHEN 'd' THEN ' identity by default' ELSE '' END
           || coalesce(CASE a.attgenerated WHEN '' THEN ' default ' ELSE ' generated ' END
                       || pg_get_expr(d.adbin, d.adrelid), '')
      FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef d ON d.adrelid = r.oid AND d.adnum = a.attnum
     WHERE r.relkind IN ('r', 'p')
    UNION ALL
    SELECT name, 1, '  as ' || pg_get_viewdef(oid) FROM relation WHERE relkind IN ('v', 'm')
    UNION ALL
    SELECT r.name, 2, '  constraint ' || c.conname || ' ' || pg_get_constraintdef(c.oid)
      FROM relation r JOIN pg_constraint c ON c.conrelid = r.oid WHERE c.contype <> 'n'
    UNION ALL
    SELECT r.name, 3, '  ' || pg_get_indexdef(i.indexrelid)
      FROM relation r JOIN pg_index i ON i.indrelid = r.oid
    UNION ALL
    SELECT r.name, 4, '  ' || pg_get_triggerdef(t.oid)
      FROM relation r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
    UNION ALL
    SELECT r.name, 9, g.line FROM relation r, LATERAL (${grants('r.relacl', 'r.relowner')}) g
    UNION ALL
    SELECT r.name, 9, g.line || ' on column ' || a.attname
      FROM relation r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attacl IS NOT NULL,
           LATERAL (${grants('a.attacl', 'r.relowner')}) g
    UNION ALL
    SELECT n.nspname || '.' || t.typname, 0, 'type ' || n.nspname || '.' || t.typname || ' '
           || coalesce('enum (' || (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder)
                                      FROM pg_enum WHERE enumtypid = t.oid) || ')',
                       'domain ' || format_type(t.typbasetype, t.typtypmod))
      FROM pg_type t JOIN namespace n ON n.oid = t.typnamespace WHERE t.typtype IN ('e', 'd')
    UNION ALL
    SELECT p.oid::regprocedure::text, 0, trim(trailing E'\\n' FROM pg_get_functiondef(p.oid))
      FROM pg_proc p JOIN namespace n ON n.oid = p.pronamespace WHERE p.prokind IN ('f', 'p')
    UNION ALL
    SELECT p.oid::regprocedure::text, 9, g.line
      FROM pg_proc p JOIN namespace n ON n.oid = p.pronamespace,
           LATERAL (${grants(`coalesce(p.proacl, acldefault('f', p.proowner))`, 'p.proowner')}) g
     WHERE p.prokind IN ('f', 'p')
  )
  SELECT line FROM part ORDER BY object COLLATE "C", place, line COLLATE "C"`;
