import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// The build is committed and compared by CI, so nothing in it may depend on the
// machine, the folder or the time. The page is served under a CSP without inline
// scripts or styles: everything becomes a file of its own.
export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
  },
  server: {
    // `npm run dev` beside a running journalist.
    proxy: { '/api': 'http://127.0.0.1:9292' },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
});
