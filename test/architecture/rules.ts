import type { IRegularForbiddenRuleType } from 'dependency-cruiser';

type Rule = IRegularForbiddenRuleType & { readonly name: string; readonly comment: string };

const rule = (name: string, comment: string, from: Rule['from'], to: Rule['to']): Rule => {
  return { name, comment, severity: 'error', from, to };
};

const CONTRACT_FILES = '/(contract|events|schemas|[a-z-]+-operations)\\.ts$';

/** Who may import what. Each rule has a fixture of its name that breaks this rule and no other. */
export const RULES: readonly Rule[] = [
  rule(
    'domain-is-pure',
    'The domain imports the domain and dinero.js; nothing of Node, not even types of a driver.',
    { path: '^src/domain/' },
    { pathNot: ['^src/domain/', 'node_modules/dinero\\.js/'] },
  ),
  rule(
    'application-knows-the-domain',
    'The application imports the domain and zod.',
    { path: '^src/application/' },
    { pathNot: ['^src/(application|domain)/', 'node_modules/zod/'] },
  ),
  rule(
    'zod-in-contracts-only',
    'Schemas stand in contracts; other files of the application use their types.',
    { path: '^src/application/', pathNot: CONTRACT_FILES },
    { path: 'node_modules/zod/', dependencyTypesNot: ['type-only'] },
  ),
  rule(
    'interfaces-know-no-adapters',
    'Interfaces are derived from contracts and get everything else handed in.',
    { path: '^src/interfaces/' },
    { path: '^src/infrastructure/' },
  ),
  rule(
    'adapters-know-no-interfaces',
    'Adapters keep the promises of ports, whoever asks.',
    { path: '^src/infrastructure/' },
    { path: '^src/(interfaces|contracts)/' },
  ),
  rule(
    'composition-is-outermost',
    'Only the programs know the composition.',
    { path: '^src/', pathNot: '^src/(composition/|(app|server|cli)\\.ts$)' },
    { path: '^src/composition/' },
  ),
  rule(
    'entries-are-for-others',
    'What the package exports is not imported from inside.',
    { path: '^src/' },
    { path: '^src/composition/entry-' },
  ),
  rule(
    'inversify-in-composition-only',
    'Nothing but the composition root knows the container.',
    { path: '^src/', pathNot: '^src/composition/' },
    { path: 'node_modules/(inversify|reflect-metadata)/' },
  ),
  rule(
    'contexts-meet-through-contracts',
    'A context imports what all share, and of another one its contract and its events.',
    { path: '^src/(?:application|domain)/([^/]+)/' },
    {
      path: '^src/(application|domain)/',
      pathNot: ['^src/(application|domain)/($1|shared)/', '^src/application/[^/]+/(contract|events)\\.ts$'],
    },
  ),
  rule(
    'shared-knows-no-context',
    'What all contexts share knows none of them.',
    { path: '^src/(domain|application)/shared/' },
    { path: '^src/(domain|application)/', pathNot: '^src/(domain|application)/shared/' },
  ),
  rule(
    'suites-run-anywhere',
    'Contract suites import what Node has, the domain and the application, so that every test runner can run them.',
    { path: '^src/contracts/' },
    { pathNot: '^src/(contracts|domain|application)/', dependencyTypesNot: ['core'] },
  ),
  rule(
    'only-what-is-installed',
    'Published code imports dependencies, and none that are there for development only.',
    { path: '^src/' },
    { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
  ),
  rule(
    'sources-stand-alone',
    'Sources import sources and packages only.',
    { path: '^src/' },
    { path: '^(test|bench|scripts|examples)/' },
  ),
  rule('no-unknown-import', 'Every import leads somewhere.', {}, { couldNotResolve: true }),
  rule('no-cycle', 'No file needs itself.', {}, { circular: true }),
];
