import type { Update } from '../bridge/Update';

/** Who wants to hear of updates. */
export class Listeners {
  readonly #all = new Set<(update: Update) => void>();

  add(listener: (update: Update) => void): () => void {
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  tell(update: Update): void {
    for (const listener of this.#all) listener(update);
  }
}
