/** Opens the built screen in Debian's Chromium, with the fake backend and the content security policy of the desktop shell. */
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Page } from 'playwright-core';

export type { Page };

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DIST = join(ROOT, 'ui/dist');
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** The policy that the desktop shell sets, so that what it would forbid fails here as well. */
function policy(): string {
  const path = join(ROOT, 'src-tauri/tauri.conf.json');
  const csp = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).app.security.csp : { 'default-src': "'self'" };
  return typeof csp === 'string' ? csp : Object.entries(csp).map(([name, value]) => `${name} ${value}`).join('; ');
}

/** Serves the built screen. `connect`: what it may connect to besides what the shell allows. */
export function serve(connect = ''): Promise<Server> {
  const csp = policy().replace('connect-src', `connect-src ${connect}`);
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://ui').pathname);
    const file = join(DIST, path === '/' ? 'index.html' : path);
    if (!file.startsWith(DIST) || !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain', 'content-security-policy': csp });
    createReadStream(file).pipe(response);
  });
  return new Promise((ready) => server.listen(0, '127.0.0.1', () => ready(server)));
}

export interface Look {
  scenario?: string;
  width?: number;
  height?: number;
  theme?: 'light' | 'dark';
  locale?: string;
  latency?: number;
  reducedMotion?: 'reduce' | 'no-preference';
}

/** A browser and a file server for one test file. */
export async function openBrowser(connect = '') {
  if (!existsSync(join(DIST, 'index.html'))) throw new Error('ui/dist is missing: run `npm run build` in ui first');
  const server = await serve(connect);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    /** A page with the screen in a world of the fake. What the console complains about is kept in `complaints`. */
    async open(look: Look = {}) {
      const context = await browser.newContext({
        viewport: { width: look.width ?? 1100, height: look.height ?? 720 },
        colorScheme: look.theme ?? 'light',
        locale: look.locale ?? 'en-GB',
        reducedMotion: look.reducedMotion ?? 'reduce',
        permissions: ['clipboard-read', 'clipboard-write'],
      });
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      await page.goto(`${origin}/?backend=fake&scenario=${look.scenario ?? 'demo'}&latency=${look.latency ?? 0}`);
      await page.waitForFunction(() => 'filFake' in globalThis);
      return { page, complaints, close: () => context.close() };
    },
    /** A page with the screen on a real core behind `fil bridge`. */
    async bridge(door: { port: number; token: string }) {
      const context = await browser.newContext({ viewport: { width: 900, height: 600 }, locale: 'en-GB' });
      const page = await context.newPage();
      await page.goto(`${origin}/?port=${door.port}&token=${door.token}`);
      return { page, close: () => context.close() };
    },
    async close() {
      await browser.close();
      await new Promise((done) => server.close(done));
    },
  };
}

/** What axe finds wrong, in one line each. */
export async function audit(page: Page): Promise<string[]> {
  // Past the content security policy of the page, which rightly forbids inline scripts.
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const { violations } = await (globalThis as any).axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return violations.flatMap((violation: any) =>
      violation.nodes.map((node: any) => `${violation.id}: ${node.target.join(' ')} – ${node.failureSummary}`),
    );
  });
}

/** The fake of the page. */
export function fake<T>(page: Page, script: (fake: any, argument: any) => T, argument?: unknown): Promise<unknown> {
  return page.evaluate(`(${script})(globalThis.filFake, ${JSON.stringify(argument ?? null)})`);
}
