// Typed lint. Layering is dependency-cruiser's, formatting prettier's.
import tseslint from 'typescript-eslint';

/** What the kernel of the simulated runtime gets handed in, and so may not reach for itself. */
const handedIn = [
  'Date',
  'performance',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'crypto',
  'process',
];

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/**',
      'dist/**',
      'out/**',
      '.cache/**',
      'coverage/**',
      'test/fixtures/**',
      'runtime/beam/agent/agentCode.ts',
    ],
  },
  {
    files: ['{runtime,server,client,webview,test,bench}/**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        project: [
          'runtime/tsconfig.json',
          'server/protocol/tsconfig.json',
          'server/tsconfig.json',
          'client/tsconfig.json',
          'webview/tsconfig.json',
          'test/tsconfig.json',
        ],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // A promise is awaited, returned, or deliberately let go with `void`.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      // Implementations of an asynchronous interface may have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // `NodeName | 'any'` is a string to the compiler, and says to the reader what else it may be.
      '@typescript-eslint/no-redundant-type-constituents': 'off',
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name: one thing has one name everywhere.' },
        { selector: 'ExportAllDeclaration', message: 'No barrels: import from the file that has it.' },
      ],
    },
  },
  {
    files: ['runtime/embedded/{kernel,otp,cluster,horde,libcluster,demo}/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...handedIn.map((name) => ({
          name,
          message: 'The kernel is handed its clock, chance and I/O, so that a seed replays a run.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Take it from the seeded generator that was handed in.' },
      ],
    },
  },
  {
    files: ['{test,bench}/**/*.ts', '**/*.test.{ts,tsx}'],
    rules: {
      'no-console': 'off',
      // Assertions on a value that may be missing fail the test, which is what they are for.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // The same goes for the shape of what a test reads back as JSON.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  // Tools that demand a default export.
  { files: ['test/**/index.ts'], rules: { 'no-restricted-syntax': 'off' } },
);
