import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { configurationDocument } from '../src/composition/config-document.ts';
import { errorsDocument } from '../src/composition/errors-document.ts';

/** Writes the pages of the documentation that are made from the program; a test compares each with what is committed. */
const PAGES: { readonly [path: string]: string } = {
  'docs/configuration.md': configurationDocument(),
  'docs/errors.md': errorsDocument(),
};

for (const [path, text] of Object.entries(PAGES)) {
  await writeFile(fileURLToPath(new URL(`../${path}`, import.meta.url)), text);
}
