/**
 * The screen in a browser on a real core and server, through `fil bridge`: the same contract over a WebSocket. Runs where
 * `FIL_SERVER_BIN` and `FIL_BIN` name the programs; `cargo xtask test --only browser` sets them.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { openBrowser } from './browser';

const SERVER = process.env['FIL_SERVER_BIN'];
const FIL = process.env['FIL_BIN'];
const PASSWORD = 'correct horse battery staple';
const folder = mkdtempSync(join(tmpdir(), 'fil-browser-'));
const environment = { ...process.env, FIL_TOKENS: 'file' };
const children: ChildProcess[] = [];

function chore(words: string[], input = ''): void {
  const done = spawnSync(SERVER!, ['--data', join(folder, 'server'), ...words], { input, encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`fil-server ${words.join(' ')}: ${done.stderr}`);
}

async function start(): Promise<string> {
  const file = join(folder, 'port');
  const words = ['serve', '--data', join(folder, 'server'), '--listen', '127.0.0.1:0', '--port-file', file];
  children.push(spawn(SERVER!, words, { stdio: 'ignore' }));
  const port = await vi.waitUntil(() => {
    try {
      return Number(readFileSync(file, 'utf8')) || undefined;
    } catch {
      return undefined;
    }
  }, { timeout: 30_000 });
  return `http://127.0.0.1:${port}`;
}

/** Opens a profile's door and answers where it is. */
async function bridge(profile: string): Promise<{ port: number; token: string }> {
  const words = ['--data', join(folder, 'profiles'), '--profile', profile, '--json', 'bridge'];
  const child = spawn(FIL!, words, { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const [line] = await once(createInterface(child.stdout!), 'line');
  return JSON.parse(line as string);
}

afterAll(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

test.skipIf(!SERVER || !FIL)('two people talk through the screen on a real core', async () => {
  chore(['organisation', 'create', 'atelier']);
  for (const [handle, name] of [['camille', 'Camille Durand'], ['nadia', 'Nadia Haddad']]) {
    chore(['account', 'create', 'atelier', handle!, '--name', name!, '--password-stdin'], `${PASSWORD}\n`);
  }
  const server = await start();
  const browser = await openBrowser('ws://127.0.0.1:*');
  try {
    const [camille, nadia] = await Promise.all([browser.bridge(await bridge('camille')), browser.bridge(await bridge('nadia'))]);
    for (const [{ page }, handle] of [[camille, 'camille'], [nadia, 'nadia']] as const) {
      await page.locator('input[name=server]').fill(server);
      await page.locator('input[name=handle]').fill(handle);
      await page.locator('input[name=password]').fill(PASSWORD);
      await page.keyboard.press('Enter');
      await page.locator('nav .empty').waitFor();
    }
    await camille.page.keyboard.press('Control+k');
    await camille.page.keyboard.type('nadia');
    await camille.page.getByRole('option', { name: /Nadia/ }).waitFor();
    await camille.page.keyboard.press('Enter');
    await camille.page.locator('[data-composer]').fill('Bonjour');
    await camille.page.keyboard.press('Enter');
    await camille.page.locator('article[data-state=sent]').waitFor();
    await nadia.page.getByRole('navigation').getByRole('button', { name: /Camille Durand/ }).click();
    await nadia.page.locator('article', { hasText: 'Bonjour' }).waitFor();
    await nadia.page.locator('[data-composer]').fill('Salut !');
    await nadia.page.keyboard.press('Enter');
    await camille.page.locator('article', { hasText: 'Salut !' }).waitFor();
  } finally {
    await browser.close();
  }
});
