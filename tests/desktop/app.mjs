/**
 * One real desktop app behind its own tauri-driver: own data folder, own XDG folders, own ports. Actions are those of a
 * person: they find things by what is written on them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Key, remote } from 'webdriverio';
import { freePort, until } from './wait.mjs';

const BINARY = process.env.FIL_DESKTOP_BIN;
const DRIVER = process.env.TAURI_DRIVER ?? join(homedir(), '.cargo/bin/tauri-driver');
const XDG = ['DATA', 'CONFIG', 'CACHE', 'RUNTIME', 'STATE'];

export class App {
  #folder;
  #pictures;
  #driver = null;
  #browser = null;
  #counter;

  constructor(name, folder, pictures, counter) {
    this.name = name;
    this.#folder = join(folder, name);
    this.#pictures = pictures;
    this.#counter = counter;
  }

  /** Opens the window on the profile; a second time finds what the first time left. */
  async open() {
    const environment = { ...process.env, FIL_TOKENS: 'file' };
    for (const kind of XDG) {
      const path = join(this.#folder, kind.toLowerCase());
      mkdirSync(path, { recursive: true, mode: 0o700 });
      environment[kind === 'RUNTIME' ? 'XDG_RUNTIME_DIR' : `XDG_${kind}_HOME`] = path;
    }
    const [port, native] = [await freePort(), await freePort()];
    const log = openSync(join(this.#folder, 'app.log'), 'a');
    const words = ['--port', String(port), '--native-port', String(native)];
    // In a group of its own: the driver, the app and its web processes end together.
    this.#driver = spawn(DRIVER, words, { env: environment, stdio: ['ignore', log, log], detached: true });
    await until('tauri-driver answers', async () => (await fetch(`http://127.0.0.1:${port}/status`)).ok);
    this.#browser = await remote({
      hostname: '127.0.0.1',
      port,
      logLevel: 'error',
      connectionRetryCount: 0,
      capabilities: {
        browserName: 'wry',
        'wdio:enforceWebDriverClassic': true,
        'tauri:options': {
          application: BINARY,
          args: ['--data', join(this.#folder, 'profiles'), '--profile', this.name],
        },
      },
    });
    await this.#browser.setTimeout({ script: 15_000 });
  }

  /** Closes the window and everything behind it. */
  async close() {
    await this.#browser?.deleteSession().catch(() => undefined);
    this.#browser = null;
    const driver = this.#driver;
    this.#driver = null;
    if (driver === null) return;
    const ended = driver.exitCode === null ? once(driver, 'exit') : null;
    try {
      process.kill(-driver.pid, 'SIGTERM');
    } catch {
      // The group has ended by itself.
    }
    await ended;
  }

  /** Runs a script in the page: for looking, not for acting. */
  look(script, ...values) {
    return this.#browser.execute(script, ...values);
  }

  /** Waits until something that a person can see is there. */
  async sees(what, selector, text = '') {
    await until(`${this.name} sees ${what}`, () =>
      this.look(
        (selector, text) =>
          [...document.querySelectorAll(selector)].some(
            (found) => found.checkVisibility() && found.textContent.includes(text),
          ),
        selector,
        text,
      ),
    );
  }

  async lacks(what, selector) {
    await until(`${this.name} no longer sees ${what}`, () =>
      this.look((selector) => document.querySelector(selector) === null, selector),
    );
  }

  async click(selector) {
    await (await this.#browser.$(selector)).click();
  }

  async fill(selector, text) {
    await (await this.#browser.$(selector)).setValue(text);
  }

  /** Types into a field, after what is there. */
  async type(selector, text) {
    await (await this.#browser.$(selector)).addValue(text);
  }

  /** The draft that the core keeps for the only conversation. */
  draft() {
    return this.look(async () => {
      const asked = { request: { type: 'conversations' } };
      return (await window.__TAURI_INTERNALS__.invoke('request', asked)).conversations[0].draft;
    });
  }

  /** Presses keys together, wherever the focus is. */
  async press(...keys) {
    await this.#browser.keys(keys);
  }

  /** Writes into the composer and sends. */
  async write(text) {
    const composer = await this.#browser.$('[data-composer]');
    await composer.click();
    await composer.addValue(text);
    await this.press(Key.Enter);
    await this.sees(`its own message "${text}"`, 'article.own', text);
  }

  /** The messages on screen, oldest first, as `author: text`, with their states. */
  messages() {
    return this.look(() =>
      [...document.querySelectorAll('article[data-state]')]
        .map((one) => ({
          text: one.querySelector('.text').textContent,
          own: one.classList.contains('own'),
          state: one.dataset.state,
          top: one.getBoundingClientRect().top,
        }))
        .sort((a, b) => a.top - b.top)
        .map(({ text, own, state }) => ({ text, own, state })),
    );
  }

  /** Keeps a picture of the window. */
  async picture(name) {
    await this.look(async () => {
      await document.fonts.ready;
      await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    });
    const number = String(this.#counter()).padStart(2, '0');
    const png = await this.#browser.takeScreenshot();
    writeFileSync(join(this.#pictures, `${number}-${name}-${this.name}.png`), Buffer.from(png, 'base64'));
  }
}
