import { ask, refused, type Backend } from '../backend';
import type { ConversationRow } from '../bridge/ConversationRow';
import type { FailureKind } from '../bridge/FailureKind';
import { Reread } from './reread';

/** The conversation list, as the core orders it. */
export class Conversations {
  #rows = $state.raw<ConversationRow[] | null>(null);
  #failure = $state<FailureKind | null>(null);
  readonly #reread: Reread;

  constructor(backend: Backend) {
    this.#reread = new Reread(async () => {
      try {
        this.#rows = (await ask(backend, { type: 'conversations' })).conversations;
        this.#failure = null;
      } catch (cause) {
        this.#failure = refused(cause).kind;
      }
    });
  }

  /** None while they are being read for the first time. */
  get rows(): ConversationRow[] | null {
    return this.#rows;
  }

  get failure(): FailureKind | null {
    return this.#failure;
  }

  get unread(): number {
    return (this.#rows ?? []).reduce((sum, row) => sum + row.unread, 0);
  }

  read(): Promise<void> {
    return this.#reread.ask();
  }

  forget(): void {
    this.#rows = null;
    this.#failure = null;
  }

  find(id: string): ConversationRow | undefined {
    return this.#rows?.find((row) => row.id === id);
  }

  /** The neighbour of a conversation in the list, optionally the next one with something unread. */
  neighbour(id: string | null, step: 1 | -1, unreadOnly: boolean): ConversationRow | undefined {
    const rows = this.#rows ?? [];
    const start = rows.findIndex((row) => row.id === id);
    for (let at = start === -1 && step === -1 ? rows.length - 1 : start + step; at >= 0 && at < rows.length; at += step) {
      const row = rows[at]!;
      if (!unreadOnly || row.unread > 0) return row;
    }
    return undefined;
  }
}
