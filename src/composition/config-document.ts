import { SETTING_GROUPS, type Setting } from './config-settings.ts';

/** The documentation of all settings, in Markdown: `docs/configuration.md`. */
export function configurationDocument(): string {
  return `# Configuration

All settings come from environment variables; an empty one counts as missing. A wrong value stops the start, with one
line for each fault. A variable that begins with \`PORTOLAN_\` and is none of these is a fault as well.

This page is written by \`npm run docs\`.

${configurationTable()}`;
}

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
