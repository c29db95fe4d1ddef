import { ask, refused, type Backend } from '../backend';
import type { Failure } from '../bridge/Failure';
import type { FailureKind } from '../bridge/FailureKind';
import type { SessionRow } from '../bridge/SessionRow';
import { Reread } from './reread';

/** Who is signed in, and the ways in and out. */
export class Session {
  #phase = $state<'loading' | 'failed' | 'out' | 'in'>('loading');
  #row = $state.raw<SessionRow | null>(null);
  #failure = $state.raw<Failure | null>(null);
  #busy = $state(false);
  readonly #reread: Reread;

  constructor(private readonly backend: Backend) {
    this.#reread = new Reread(async () => {
      try {
        this.#take((await ask(backend, { type: 'session' })).session);
      } catch (cause) {
        this.#failure = refused(cause).failure;
        this.#phase = 'failed';
      }
    });
  }

  /** `failed`: the profile could not be opened, see {@link failure}. */
  get phase() {
    return this.#phase;
  }

  get row(): SessionRow | null {
    return this.#row;
  }

  get failure(): Failure | null {
    return this.#failure;
  }

  /** Whether a way in or out is under way. */
  get busy(): boolean {
    return this.#busy;
  }

  read(): Promise<void> {
    return this.#reread.ask();
  }

  signIn(server: string, organisation: string, handle: string, password: string): Promise<FailureKind | null> {
    return this.#go(() => ask(this.backend, { type: 'sign_in', server, organisation, handle, password }));
  }

  acceptInvite(link: string, password: string): Promise<FailureKind | null> {
    return this.#go(() => ask(this.backend, { type: 'accept_invite', link, password }));
  }

  /** Refused with `unsent` while messages wait and giving them up was not agreed to. */
  signOut(discard_unsent: boolean): Promise<FailureKind | null> {
    return this.#go(() => ask(this.backend, { type: 'sign_out', discard_unsent }));
  }

  async #go(way: () => Promise<{ session: SessionRow | null }>): Promise<FailureKind | null> {
    if (this.#busy) return null;
    this.#busy = true;
    try {
      this.#take((await way()).session);
      return null;
    } catch (cause) {
      return refused(cause).kind;
    } finally {
      this.#busy = false;
    }
  }

  #take(row: SessionRow | null): void {
    this.#row = row;
    this.#failure = null;
    this.#phase = row === null ? 'out' : 'in';
  }
}
