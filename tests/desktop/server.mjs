/** A real server with an organisation and two people: one with a password, one with an invite link. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, until } from './wait.mjs';

const BINARY = process.env.FIL_SERVER_BIN;

export class Server {
  #data;
  #log;
  #process = null;

  constructor(folder, port) {
    this.#data = join(folder, 'server');
    this.#log = join(folder, 'server.log');
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async prepare(folder) {
    return new Server(folder, await freePort());
  }

  /** Runs one of the server's chores. Answers what it printed. */
  chore(words, input = '') {
    const done = spawnSync(BINARY, ['--data', this.#data, '--set', `public_url=${this.url}`, ...words], {
      input,
      encoding: 'utf8',
    });
    if (done.status !== 0) throw new Error(`fil-server ${words.join(' ')}: ${done.stderr}`);
    return done.stdout;
  }

  async start() {
    const log = openSync(this.#log, 'a');
    const words = ['serve', '--data', this.#data, '--listen', `127.0.0.1:${this.port}`];
    this.#process = spawn(BINARY, words, { stdio: ['ignore', log, log] });
    await until('the server answers', async () => (await fetch(`${this.url}/healthz`)).ok);
  }

  /** Asks it to end and waits for that. */
  async stop() {
    const process = this.#process;
    this.#process = null;
    if (process === null || process.exitCode !== null) return;
    const ended = once(process, 'exit');
    process.kill('SIGTERM');
    await ended;
  }
}
