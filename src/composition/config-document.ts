import { CLIENT_VARIABLES } from '../interfaces/cli/client-variables.ts';
import { SETTING_GROUPS, type Setting } from './config-settings.ts';

/** The documentation of all settings, in Markdown: `docs/configuration.md`. */
export function configurationDocument(): string {
  return `# Configuration

All settings come from environment variables; an empty one counts as missing. A wrong value stops the start, with one
line for each fault. A variable that begins with \`PORTOLAN_\` and is none of these is a fault as well.

This page is written by \`npm run docs\`.

${configurationTable()}
## Command line

Commands that call a server ([command-line.md](command-line.md)) read \`HOST\`, \`PORT\` and \`DATA_FOLDER\` as the server does,
and these, which the server does not read:

| Variable | Meaning |
|---|---|
${clientRows().join('\n')}

\`portolan migrate\`, \`backup\` and \`restore\` work on the database itself, as its owner: they read \`NODE_ENV\`,
\`DATABASE_OWNER_URL\`, \`DATABASE_URL\` and \`DATA_FOLDER\`; \`restore\` reads \`PEPPERS\` too, to tell which ones are missing.
A backup holds the whole database, and none of the settings: **not \`PEPPERS\`**, nor the files \`peppers\` and
\`admin-token\` of the data folder.
`;
}

const clientRows = (): readonly string[] =>
  Object.entries(CLIENT_VARIABLES).map(([name, meaning]) => `| \`${name}\` | ${sentence(meaning)} |`);

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** One table for each group of settings, in Markdown. */
export function configurationTable(): string {
  return Object.entries(SETTING_GROUPS)
    .map(([title, settings]) => {
      const rows = Object.values<Setting>(settings).map(row);
      return [`## ${title}`, '', '| Variable | Default | Meaning |', '|---|---|---|', ...rows, ''].join('\n');
    })
    .join('\n');
}

function row(setting: Setting): string {
  const fallback = setting.default === undefined ? '' : `\`${setting.default}\``;
  const notes = [
    setting.description,
    ...(setting.requiredInProduction === true ? ['**Required in production.**'] : []),
    ...(setting.secret === true ? ['*Secret.*'] : []),
  ];
  return `| \`${setting.name}\` | ${fallback} | ${notes.join(' ').replaceAll('|', '\\|')} |`;
}
