import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const src = (folder: string) => fileURLToPath(new URL(`./src/${folder}`, import.meta.url));

export default defineConfig({
  plugins: [svelte()],
  clearScreen: false,
  build: { target: ['es2022', 'safari17'], modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  resolve: {
    alias: { $lib: src('lib'), $parts: src('parts'), $screens: src('screens') },
    ...(process.env.VITEST ? { conditions: ['browser'] } : {}),
  },
  test: { environment: 'happy-dom', include: ['src/**/*.test.ts'] },
});
