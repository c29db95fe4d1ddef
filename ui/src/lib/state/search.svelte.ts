import { ask, refused, type Backend } from '../backend';
import type { FailureKind } from '../bridge/FailureKind';
import type { SearchHit } from '../bridge/SearchHit';

const ASKED_AFTER_MS = 120;

/** The search of the list pane: everywhere, or in one conversation. */
export class Search {
  #query = $state('');
  #scope = $state<string | null>(null);
  #hits = $state.raw<SearchHit[] | null>(null);
  #failure = $state<FailureKind | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asked = 0;

  constructor(private readonly backend: Backend) {}

  get query(): string {
    return this.#query;
  }

  set query(query: string) {
    this.#query = query;
    this.#schedule();
  }

  /** The conversation searched in; none: all. */
  get scope(): string | null {
    return this.#scope;
  }

  set scope(scope: string | null) {
    this.#scope = scope;
    this.#schedule();
  }

  get active(): boolean {
    return this.#query.trim() !== '';
  }

  /** None while the first answer to this query is awaited. */
  get hits(): SearchHit[] | null {
    return this.#hits;
  }

  get failure(): FailureKind | null {
    return this.#failure;
  }

  clear(): void {
    this.#scope = null;
    this.query = '';
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const turn = ++this.#asked;
    this.#failure = null;
    if (!this.active) {
      this.#hits = null;
      return;
    }
    this.#timer = setTimeout(() => void this.#ask(turn), ASKED_AFTER_MS);
  }

  async #ask(turn: number): Promise<void> {
    try {
      const { hits } = await ask(this.backend, {
        type: 'search',
        query: this.#query.trim(),
        conversation: this.#scope,
      });
      if (turn === this.#asked) this.#hits = hits;
    } catch (cause) {
      if (turn === this.#asked) this.#failure = refused(cause).kind;
    }
  }
}
