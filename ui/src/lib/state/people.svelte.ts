import { ask, refused, type Backend } from '../backend';
import type { Person } from '../bridge/Person';
import { fold } from '../text/fold';
import type { FailureKind } from '../bridge/FailureKind';

const ASKED_AFTER_MS = 100;

/** People found by name or handle, while a dialog is open. */
export class People {
  #query = $state('');
  #found = $state.raw<Person[]>([]);
  #failure = $state<FailureKind | null>(null);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #turn = 0;

  constructor(private readonly backend: Backend) {
    void this.#ask(0);
  }

  get query(): string {
    return this.#query;
  }

  set query(query: string) {
    this.#query = query;
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    this.#timer = setTimeout(() => void this.#ask(turn), ASKED_AFTER_MS);
  }

  get found(): Person[] {
    return this.#found;
  }

  get failure(): FailureKind | null {
    return this.#failure;
  }

  /**
   * As the pick list wants them. Answers to an earlier query are narrowed to what is typed now, so that Enter never picks
   * somebody who fits only the beginning.
   */
  get choices() {
    const wanted = fold(this.#query.trim());
    const fits = (person: Person) => fold(person.name).includes(wanted) || fold(person.handle).includes(wanted);
    return this.#found.filter(fits).map((person) => ({
      id: person.account,
      tone: person.account,
      title: person.name,
      note: `@${person.handle}`,
      group: false,
    }));
  }

  async #ask(turn: number): Promise<void> {
    try {
      const { people } = await ask(this.backend, { type: 'people', query: this.#query.trim() });
      if (turn !== this.#turn) return;
      this.#found = people;
      this.#failure = null;
    } catch (cause) {
      if (turn === this.#turn) this.#failure = refused(cause).kind;
    }
  }
}
