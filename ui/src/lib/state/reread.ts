/**
 * Reads again after updates, coalesced: one reading at a time, and however many updates come in meanwhile, one more.
 * The result of {@link ask} settles when a reading that began after the call has ended.
 */
export class Reread {
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  constructor(private readonly read: () => Promise<void>) {}

  ask(): Promise<void> {
    if (this.#running === null) return this.#start();
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      return this.#start();
    });
    return this.#next;
  }

  #start(): Promise<void> {
    this.#running = this.read().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }
}
