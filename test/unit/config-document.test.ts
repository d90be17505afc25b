import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { configurationDocument, configurationTable } from '../../src/composition/config-document.ts';
import { loadConfig } from '../../src/composition/config.ts';
import { SETTING_GROUPS, SETTINGS, type Setting } from '../../src/composition/config-settings.ts';

const settings = Object.entries<Setting>(SETTINGS);

describe('Documentation of the configuration', () => {
  it('is as committed; `npm run docs` writes it', async () => {
    const committed = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    expect(committed).to.equal(configurationDocument());
  });

  it('has a row for each setting, with its default and what is expected of it', () => {
    const rows = configurationTable().split('\n');
    expect(settings.length).to.be.greaterThan(30);
    for (const [, { name, default: fallback, requiredInProduction, secret }] of settings) {
      const matching = rows.filter((row) => row.startsWith(`| \`${name}\` |`));
      expect(matching, name).to.have.length(1);
      if (fallback !== undefined) expect(matching[0]).to.include(`| \`${fallback}\` |`);
      expect(matching[0]?.includes('**Required in production.**')).to.equal(requiredInProduction === true);
      expect(matching[0]?.includes('*Secret.*')).to.equal(secret === true);
    }
  });

  it('leaves out no setting that the program knows', () => {
    const grouped = Object.values(SETTING_GROUPS).flatMap((group) => Object.keys(group));
    expect(grouped).to.have.members(Object.keys(SETTINGS));
  });

  it('calls each setting by the same name in the program and outside', () => {
    const other = { OTEL_EXPORTER_OTLP_ENDPOINT: 'otlpEndpoint' };
    for (const [key, { name }] of settings) {
      const camel = name.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
      expect(key).to.equal(Reflect.get(other, name) ?? camel);
    }
  });

  it('states only defaults that can be read', () => {
    const defaults = settings.map(([, { name, default: fallback }]) => [name, fallback]);
    expect(loadConfig(Object.fromEntries(defaults))).to.deep.equal(loadConfig({}));
  });
});
