/**
 * The desktop shell: one command, one event.
 *
 * The shell hands each request to a task of its own, so two that are asked in one breath could change places. Changes
 * therefore leave one after the other, each when the one before is answered, which takes a commit; what only reads goes
 * past them.
 */
import { invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import { refused, type Backend } from '../backend';
import type { Request } from '../bridge/Request';
import type { Response } from '../bridge/Response';
import type { Update } from '../bridge/Update';
import { Listeners } from './listeners';

/** Requests that change nothing that has an order. */
const UNORDERED: ReadonlySet<Request['type']> = new Set([
  'session',
  'sign_in',
  'accept_invite',
  'sign_out',
  'status',
  'conversations',
  'conversation',
  'timeline',
  'people',
  'search'
] satisfies Request['type'][]);

export class TauriBackend implements Backend {
  readonly #listeners = new Listeners();
  /** Resolves when the change that was asked for last is answered. */
  #lastChange: Promise<unknown> = Promise.resolve();

  /** Listens before anything is asked, so that no update falls between a first answer and its changes. */
  static async listen(): Promise<TauriBackend> {
    const backend = new TauriBackend();
    await listen<Update>('update', (event) => backend.#listeners.tell(event.payload));
    return backend;
  }

  request(request: Request): Promise<Response> {
    if (UNORDERED.has(request.type)) return this.#invoke(request);
    const answer = this.#lastChange.then(() => this.#invoke(request));
    // Whether it was refused is its own asker's business.
    this.#lastChange = answer.catch(() => undefined);
    return answer;
  }

  async #invoke(request: Request): Promise<Response> {
    try {
      return await invoke<Response>('request', { request });
    } catch (cause) {
      throw refused(cause);
    }
  }

  onUpdate(listener: (update: Update) => void): () => void {
    return this.#listeners.add(listener);
  }
}
