/**
 * `fil bridge` on loopback, for development in a browser: `?port=4711&token=…` with the one-time token that the command
 * prints. Text frames: `{id, request}` is answered by `{id, response}` or `{id, failure}`; `{update}` comes unasked.
 */
import { Refused, type Backend } from '../backend';
import type { Failure } from '../bridge/Failure';
import type { Request } from '../bridge/Request';
import type { Response } from '../bridge/Response';
import type { Update } from '../bridge/Update';
import { Listeners } from './listeners';

type Frame = { id: number; response: Response } | { id: number; failure: Failure } | { update: Update };
type Waiting = { resolve: (response: Response) => void; reject: (cause: Refused) => void };

const GONE: Failure = { kind: 'internal', detail: 'the bridge is gone: start `fil bridge` again' };

export class WebSocketBackend implements Backend {
  readonly #listeners = new Listeners();
  readonly #waiting = new Map<number, Waiting>();
  #next = 1;

  private constructor(private readonly socket: WebSocket) {
    socket.addEventListener('message', (event) => this.#receive(JSON.parse(String(event.data)) as Frame));
    socket.addEventListener('close', () => {
      for (const waiting of this.#waiting.values()) waiting.reject(new Refused(GONE));
      this.#waiting.clear();
    });
  }

  /** Resolves in any case; without a bridge every request is refused, and the screen says so. */
  static async connect(query: URLSearchParams): Promise<WebSocketBackend> {
    const address = new URL(`ws://127.0.0.1:${Number(query.get('port') ?? 0)}/`);
    address.searchParams.set('token', query.get('token') ?? '');
    const socket = new WebSocket(address);
    const backend = new WebSocketBackend(socket);
    await new Promise<void>((settled) => {
      socket.addEventListener('open', () => settled(), { once: true });
      socket.addEventListener('close', () => settled(), { once: true });
    });
    return backend;
  }

  request(request: Request): Promise<Response> {
    if (this.socket.readyState !== WebSocket.OPEN) return Promise.reject(new Refused(GONE));
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.socket.send(JSON.stringify({ id, request }));
    });
  }

  onUpdate(listener: (update: Update) => void): () => void {
    return this.#listeners.add(listener);
  }

  #receive(frame: Frame): void {
    if ('update' in frame) return this.#listeners.tell(frame.update);
    const waiting = this.#waiting.get(frame.id);
    this.#waiting.delete(frame.id);
    if ('response' in frame) waiting?.resolve(frame.response);
    else waiting?.reject(new Refused(frame.failure));
  }
}
