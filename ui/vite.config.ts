import { fileURLToPath } from 'node:url';
import { paraglideVitePlugin } from '@inlang/paraglide-js';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const texts = paraglideVitePlugin({
  project: './project.inlang',
  outdir: './src/lib/paraglide',
  strategy: ['baseLocale'],
  emitTsDeclarations: true,
});

export default defineConfig({
  plugins: [
    // In tests the texts are compiled beforehand: the plugin goes on watching them and keeps the runner from ending.
    ...(process.env['VITEST'] ? [] : [texts]),
    svelte(),
  ],
  resolve: { alias: { $lib: fileURLToPath(new URL('./src/lib', import.meta.url)) } },
  // A relative base works under `tauri://`, and from a folder.
  base: './',
  build: {
    target: ['safari17.5', 'chrome123'],
    // One file per font and no `data:` address, so that the content security policy stays short.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  test: {
    globals: true,
    environment: 'node',
    include: ['src/**/*.test.ts'],
    // Times in the tests are the same everywhere.
    env: { TZ: 'Europe/Paris' },
  },
});
