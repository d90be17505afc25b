import tseslint from 'typescript-eslint';

const PURE = 'Time, randomness, hashing, bytes and whatever talks to the world come in as functions and arguments.';
/** What Node has without an import; `no-console` covers the console everywhere. */
const IMPURE = [
  ...['process', 'crypto', 'performance', 'global', 'globalThis', 'Buffer'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'],
  ...['fetch', 'WebSocket', 'EventSource'],
];
const CHECK_OUT = 'Connections of pools are taken out by checkOut, which hears of their end in time.';
const LIFE = 'Only src/server.ts and src/cli.ts end the process or listen to it.';

/** Correctness rules that the compiler does not have; layout is Prettier's business. */
export default tseslint.config(
  { ignores: ['dist', 'coverage', 'data', 'examples', 'test/architecture/fixtures'] },
  tseslint.configs.base,
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/prefer-readonly': 'error',
      'no-console': 'error',
      'no-empty': ['error', { allowEmptyCatch: false }],
      'max-lines': ['error', { max: 300 }],
      'max-lines-per-function': ['error', { max: 70, skipComments: true }],
      eqeqeq: 'error',
    },
  },
  {
    files: ['src/domain/**/*.ts', 'src/application/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...IMPURE.map((name) => ({ name, message: PURE }))],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: PURE },
        { object: 'Math', property: 'random', message: PURE },
        { object: 'AbortSignal', property: 'timeout', message: PURE },
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: PURE },
        { selector: "CallExpression[callee.name='Date']", message: PURE },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/domain/**', 'src/application/**', 'src/server.ts', 'src/cli.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        ...['exit', 'exitCode', 'on', 'once', 'addListener'].map((property) => ({
          object: 'process',
          property,
          message: LIFE,
        })),
      ],
    },
  },
  {
    files: ['src/infrastructure/**/*.ts', 'src/composition/**/*.ts'],
    ignores: ['src/infrastructure/postgres/pools.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...['callee.object.name', 'callee.object.property.name'].map((name) => ({
          selector: `CallExpression[callee.property.name='connect'][${name}=/pool$/i]`,
          message: CHECK_OUT,
        })),
      ],
    },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'scripts/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', 'no-console': 'off', 'max-lines': ['error', { max: 500 }] },
  },
  {
    files: ['test/**/*.ts'],
    ignores: ['test/support/skip.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { property: 'skip', message: 'Skip by test/support/skip.ts, so that the reason is printed.' },
      ],
    },
  },
  { files: ['src/interfaces/cli/*.ts', 'src/server.ts'], rules: { 'no-console': 'off' } },
);
