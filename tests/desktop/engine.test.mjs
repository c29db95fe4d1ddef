/**
 * The timeline in WebKitGTK, the engine that the desktop app has on Linux: scrolling up through pages that come in above
 * moves nothing that a person reads. The screen runs on the fake core, in WebKit's own small browser.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { remote } from 'webdriverio';
import { freePort, until } from './wait.mjs';

const SCREEN = fileURLToPath(new URL('../../ui/dist/', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

/** Debian keeps it in a folder named after the machine's architecture. */
function miniBrowser() {
  for (const folder of readdirSync('/usr/lib')) {
    const path = join('/usr/lib', folder, 'webkit2gtk-4.1/MiniBrowser');
    if (existsSync(path)) return path;
  }
  throw new Error('MiniBrowser is missing: it comes with libwebkit2gtk-4.1-0');
}

const files = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://screen');
  const path = join(SCREEN, pathname === '/' ? 'index.html' : pathname);
  if (!existsSync(path)) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain' });
  createReadStream(path).pipe(response);
});
let driver;
let browser;

before(async () => {
  await new Promise((ready) => files.listen(0, '127.0.0.1', ready));
  const port = await freePort();
  driver = spawn('/usr/bin/WebKitWebDriver', [`--port=${port}`], { stdio: 'ignore' });
  await until('WebKitWebDriver answers', async () => (await fetch(`http://127.0.0.1:${port}/status`)).ok);
  browser = await remote({
    hostname: '127.0.0.1',
    port,
    logLevel: 'error',
    connectionRetryCount: 0,
    capabilities: {
      browserName: 'MiniBrowser',
      'wdio:enforceWebDriverClassic': true,
      'webkitgtk:browserOptions': { binary: miniBrowser(), args: ['--automation'] },
    },
  });
  await browser.setTimeout({ script: 180_000 });
  await browser.url(`http://127.0.0.1:${files.address().port}/?backend=fake&scenario=long&latency=40`);
  const row = () => browser.$('button*=The long one');
  await until('the list is there', async () => (await row()).isDisplayed());
  await (await row()).click();
  await until('the timeline is there', async () => (await browser.$('.viewport.settled')).isExisting());
});

after(async () => {
  await browser?.deleteSession().catch(() => undefined);
  if (driver && driver.exitCode === null) {
    const ended = once(driver, 'exit');
    driver.kill('SIGTERM');
    await ended;
  }
  files.close();
});

test('scrolling up through several pages moves nothing by itself', async () => {
  const { jumps, first } = await browser.execute(async () => {
    const STEP = 60;
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const viewport = document.querySelector('.viewport.settled');
    const top = viewport.getBoundingClientRect().top;
    const numbers = () => [...viewport.querySelectorAll('article')].map((one) => Number(one.dataset.seq));
    const positions = () =>
      new Map(
        [...viewport.querySelectorAll('article')]
          .map((one) => [one.dataset.seq, one.getBoundingClientRect()])
          .filter(([, box]) => box.bottom > top && box.top < innerHeight)
          .map(([seq, box]) => [seq, box.bottom]),
      );
    for (let quiet = 0, at = viewport.scrollTop; quiet < 15; quiet++, at = viewport.scrollTop) {
      await frame();
      if (Math.abs(viewport.scrollTop - at) > 1) quiet = 0;
    }
    const jumps = [];
    for (let step = 0; step < 200; step++) {
      const before = positions();
      viewport.scrollTop -= STEP;
      await frame();
      const moves = [...positions()].filter(([seq]) => before.has(seq)).map(([seq, at]) => at - before.get(seq) - STEP);
      moves.sort((a, b) => a - b);
      const middle = moves[Math.floor(moves.length / 2)];
      if (middle === undefined || Math.abs(middle) > 3) jumps.push(`step ${step}: ${middle}`);
    }
    return { jumps, first: Math.min(...numbers()) };
  });
  assert.deepEqual(jumps, []);
  assert.ok(first < 1880, `it came no further up than number ${first}`);
});

test('whoever goes to the end stays there when something comes', async () => {
  const gap = await browser.execute(async () => {
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    const viewport = document.querySelector('.viewport.settled');
    const gap = () => viewport.scrollHeight - viewport.scrollTop - viewport.clientHeight;
    document.querySelector('[data-jump]').click();
    while (!document.querySelector('article[data-seq="2000"]') || gap() > 24) await frame();
    globalThis.filFake.receive('long', 'nadia', 'fresh');
    while (!document.querySelector('article[data-seq="2001"]') || gap() > 24) await frame();
    return gap();
  });
  assert.ok(gap <= 24);
});
