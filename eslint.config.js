import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Who may touch the outside world: time, chance, the environment, the network, the console. */
const EFFECTS = ['src/adapters/**', 'src/main.ts', 'src/apiThread.ts', 'src/cli/**', 'scripts/**', 'test/**', '*.config.*'];

const effect = (selector, what, instead) => ({ selector, message: `${what} is an effect: ${instead}` });
const CALLS_OUT = [
  effect("MemberExpression[object.name='Date'][property.name='now']", 'Date.now', 'ask the clock port'),
  effect("NewExpression[callee.name='Date'][arguments.length=0]", 'new Date()', 'ask the clock port'),
  effect("CallExpression[callee.name='Date']", 'Date()', 'ask the clock port'),
  effect("MemberExpression[object.name='Math'][property.name='random']", 'Math.random', 'ask the ids port'),
  effect("MemberExpression[object.name='performance'][property.name='now']", 'performance.now', 'ask the clock port'),
  effect("MemberExpression[property.name='randomUUID']", 'randomUUID', 'ask the ids port'),
];
const NO_DEFAULT = { selector: 'ExportDefaultDeclaration', message: 'named exports only' };
const NO_ASYNC = { selector: ':function[async=true], AwaitExpression, ForOfStatement[await=true]', message: 'the domain is synchronous' };

const GLOBAL_EFFECTS = [
  'process',
  'console',
  'fetch',
  'crypto',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'clearTimeout',
  'clearInterval',
].map((name) => ({ name, message: 'an effect: it comes in through a port' }));

const NODE_EFFECTS = {
  patterns: [
    {
      regex: '^(node:)?(fs|net|tls|dns|http|https|http2|child_process|cluster|worker_threads|timers|os|dgram|process)(/|$)',
      message: 'an effect: it belongs into an adapter',
    },
  ],
};

export default defineConfig(
  globalIgnores(['dist/', 'node_modules/', 'coverage/', '.tidings/', 'web/dist/']),
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      '@typescript-eslint/array-type': ['error', { default: 'array' }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
      '@typescript-eslint/no-empty-function': ['error', { allow: ['arrowFunctions'] }],
      // noPropertyAccessFromIndexSignature is off, so both spellings are right.
      '@typescript-eslint/dot-notation': 'off',
    },
  },
  {
    files: ['**/*.ts', '**/*.mjs', '**/*.js', '**/*.cjs', 'tidings'],
    rules: {
      complexity: ['error', 10],
      'max-depth': ['error', 3],
      'max-params': ['error', 4],
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      // What comes from outside is checked for control characters on purpose.
      'no-control-regex': 'off',
      eqeqeq: ['error', 'always'],
      'no-eval': 'error',
      'no-new-func': 'error',
      'no-implied-eval': 'error',
    },
  },
  { files: ['src/**/*.ts'], ignores: ['**/*.d.ts'], rules: { 'no-restricted-syntax': ['error', NO_DEFAULT] } },
  {
    // A flag that another callback sets, or a signal that is aborted while we await: the compiler takes both for constant.
    files: ['src/adapters/**/*.ts', 'src/consumers/**/*.ts', 'src/processes/**/*.ts', 'test/**/*.ts'],
    rules: { '@typescript-eslint/no-unnecessary-condition': 'off' },
  },
  {
    files: ['src/**/*.ts'],
    ignores: EFFECTS,
    rules: {
      'no-restricted-globals': ['error', ...GLOBAL_EFFECTS],
      'no-restricted-imports': ['error', NODE_EFFECTS],
      'no-restricted-syntax': ['error', NO_DEFAULT, ...CALLS_OUT],
      // `as const` is no assertion in this sense.
      '@typescript-eslint/consistent-type-assertions': ['error', { assertionStyle: 'never' }],
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
    },
  },
  {
    files: ['src/domain/**/*.ts'],
    rules: {
      'max-lines': ['error', { max: 200, skipBlankLines: true, skipComments: true }],
      'no-restricted-imports': ['error', { patterns: [{ group: ['node:*'], message: 'the domain is pure' }] }],
      'no-restricted-syntax': ['error', NO_DEFAULT, NO_ASYNC, ...CALLS_OUT],
    },
  },
  {
    // Adapters speak with drivers whose types are loose; what comes out of them is typed again.
    files: ['src/adapters/**/*.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-type-assertion': 'off',
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['test/**/*.ts', '*.config.ts'],
    rules: {
      'max-lines': 'off',
      'max-params': 'off',
      complexity: 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-explicit-any': 'off',
    },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js', 'tidings'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          'process',
          'console',
          'URL',
          'setTimeout',
          'clearTimeout',
          'setInterval',
          'clearInterval',
          'module',
          'Buffer',
          'AbortController',
          'fetch',
        ].map((name) => [name, 'readonly']),
      ),
    },
  },
);
