/**
 * The one door to the core. The screen knows nothing behind it: the desktop shell, `fil bridge` on loopback and the fake
 * of the tests all answer the same requests with the same records.
 */
import type { Failure } from './bridge/Failure';
import type { FailureKind } from './bridge/FailureKind';
import type { Request } from './bridge/Request';
import type { Response } from './bridge/Response';
import type { Update } from './bridge/Update';

export interface Backend {
  /** Resolves with the answer, or rejects with {@link Refused} (and nothing else). */
  request(request: Request): Promise<Response>;
  /** Calls the listener with every update from now on; the result ends that. */
  onUpdate(listener: (update: Update) => void): () => void;
}

/** A request was answered with a failure. */
export class Refused extends Error {
  constructor(readonly failure: Failure) {
    super(`${failure.kind}: ${failure.detail}`);
  }

  get kind(): FailureKind {
    return this.failure.kind;
  }
}

/** Makes a {@link Refused} of whatever a transport threw; what is no failure record counts as a defect. */
export function refused(cause: unknown): Refused {
  if (cause instanceof Refused) return cause;
  if (typeof cause === 'object' && cause !== null && 'kind' in cause && 'detail' in cause) {
    return new Refused(cause as Failure);
  }
  return new Refused({ kind: 'internal', detail: cause instanceof Error ? cause.message : String(cause) });
}

/** Which answer belongs to which request: the sentences "Answered by …" of the contract. */
interface Answers {
  session: 'session';
  sign_in: 'session';
  accept_invite: 'session';
  sign_out: 'session';
  status: 'status';
  conversations: 'conversations';
  conversation: 'conversation';
  timeline: 'timeline';
  people: 'people';
  open_direct: 'opened';
  create_group: 'opened';
  send: 'queued';
  edit: 'done';
  delete: 'done';
  retry: 'done';
  discard: 'done';
  mark_read: 'done';
  save_draft: 'done';
  show: 'done';
  search: 'found';
  connect_now: 'done';
}

type Kind = Request['type'];
type Asked<K extends Kind> = Extract<Request, { type: K }>;
type Answer<K extends Kind> = Extract<Response, { type: Answers[K] }>;

/** Asks and gives back the one answer that the contract names for this request. */
export async function ask<K extends Kind>(backend: Backend, request: Asked<K> & { type: K }): Promise<Answer<K>> {
  try {
    return (await backend.request(request)) as Answer<K>;
  } catch (cause) {
    throw refused(cause);
  }
}

/** The backend of the place where the page runs: the shell, or what the address asks for. */
export async function chooseBackend(location: Location): Promise<Backend> {
  if ('__TAURI_INTERNALS__' in globalThis) {
    const { TauriBackend } = await import('./backend/tauri');
    return TauriBackend.listen();
  }
  const query = new URLSearchParams(location.search);
  if (query.get('backend') === 'fake') {
    const { openFake } = await import('./backend/fake');
    return openFake(query);
  }
  const { WebSocketBackend } = await import('./backend/websocket');
  return WebSocketBackend.connect(query);
}
