import { ask, refused, type Backend } from '../backend';
import type { Status } from '../bridge/Status';
import { Reread } from './reread';

/** A connection that is away for less than this is not worth a banner: it would flash. */
const OFFLINE_SHOWN_AFTER_MS = 3000;

/** How the connection is. */
export class ConnectionState {
  #status = $state.raw<Status | null>(null);
  #offline = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #reread: Reread;

  constructor(private readonly backend: Backend) {
    this.#reread = new Reread(async () => {
      try {
        this.#take((await ask(backend, { type: 'status' })).status);
      } catch (cause) {
        console.error(refused(cause).message);
      }
    });
  }

  get status(): Status | null {
    return this.#status;
  }

  /** Whether there has been no connection for 3 s. */
  get offline(): boolean {
    return this.#offline;
  }

  /** Whether there is a connection; unknown is not. */
  get connected(): boolean {
    return this.#status?.offline_since_ms === null;
  }

  read(): Promise<void> {
    return this.#reread.ask();
  }

  async connectNow(): Promise<void> {
    await ask(this.backend, { type: 'connect_now' }).catch((cause) => console.error(refused(cause).message));
  }

  #take(status: Status): void {
    this.#status = status;
    clearTimeout(this.#timer);
    const since = status.offline_since_ms;
    if (since === null || status.connection === 'stopped') {
      this.#offline = false;
      return;
    }
    const left = since + OFFLINE_SHOWN_AFTER_MS - Date.now();
    this.#offline = left <= 0;
    if (left > 0) this.#timer = setTimeout(() => (this.#offline = true), left);
  }
}
