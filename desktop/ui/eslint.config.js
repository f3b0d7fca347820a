// Besides the usual: HTML strings are never rendered, and the window's own packages are named in two folders alone.
import globals from 'globals';
import svelte from 'eslint-plugin-svelte';
import ts from 'typescript-eslint';
import config from './svelte.config.js';

export default ts.config(
  { ignores: ['dist/', 'dist-mock/', 'src/lib/rpc/bindings.ts'] },
  ...ts.configs.recommended,
  ...svelte.configs['flat/recommended'],
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig: config } },
  },
  {
    rules: {
      'svelte/no-at-html-tags': 'error',
      // Maps and sets that never change after they were made need no reactive kind.
      'svelte/prefer-svelte-reactivity': 'off',
      'no-restricted-imports': ['error', { patterns: ['@tauri-apps/*', '../../*'] }],
      'no-restricted-properties': ['error', { property: 'innerHTML' }, { property: 'insertAdjacentHTML' }],
    },
  },
  { files: ['src/lib/rpc/tauri*', 'src/lib/host/tauri*'], rules: { 'no-restricted-imports': 'off' } },
);
