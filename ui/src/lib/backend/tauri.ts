/** The desktop shell: one command, one event. */
import { invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import { refused, type Backend } from '../backend';
import type { Request } from '../bridge/Request';
import type { Response } from '../bridge/Response';
import type { Update } from '../bridge/Update';
import { Listeners } from './listeners';

export class TauriBackend implements Backend {
  readonly #listeners = new Listeners();

  /** Listens before anything is asked, so that no update falls between a first answer and its changes. */
  static async listen(): Promise<TauriBackend> {
    const backend = new TauriBackend();
    await listen<Update>('update', (event) => backend.#listeners.tell(event.payload));
    return backend;
  }

  async request(request: Request): Promise<Response> {
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
