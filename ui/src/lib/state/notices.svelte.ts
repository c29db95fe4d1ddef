const SHOWN_MS = 7000;

export interface Notice {
  id: number;
  text: string;
}

/** Short notices (toasts) and what a screen reader is told of what happens by itself. */
export class Notices {
  #all = $state.raw<Notice[]>([]);
  #spoken = $state('');
  #next = 1;

  get all(): Notice[] {
    return this.#all;
  }

  /** The text of the polite live region. */
  get spoken(): string {
    return this.#spoken;
  }

  /** At most three stand at once: the oldest makes room. */
  show(text: string): void {
    const notice = { id: this.#next++, text };
    this.#all = [...this.#all.filter((other) => other.text !== text), notice].slice(-3);
    setTimeout(() => this.dismiss(notice.id), SHOWN_MS);
  }

  dismiss(id: number): void {
    this.#all = this.#all.filter((notice) => notice.id !== id);
  }

  speak(text: string): void {
    this.#spoken = text;
  }
}
