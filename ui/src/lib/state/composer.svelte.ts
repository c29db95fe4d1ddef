import { ask, refused, type Backend } from '../backend';
import type { FailureKind } from '../bridge/FailureKind';
import type { TimelineItem } from '../bridge/TimelineItem';

const DRAFT_SAVED_AFTER_MS = 400;

/** A message whose text is being replaced. */
export interface Editing {
  message: string;
  original: string;
  rejected: boolean;
}

/**
 * What is in the composer of one conversation. It outlives the screen of the conversation, so that going away and coming
 * back never meets an older draft. Requests go out one after another: what was sent first is queued first.
 */
export class Composer {
  #text = $state('');
  #editing = $state.raw<Editing | null>(null);
  #failure = $state<FailureKind | null>(null);
  /** The draft that an edit pushed aside. */
  #parked = '';
  /** Changed texts of edits that were cancelled, by message: editing it again goes on from there. */
  readonly #abandoned = new Map<string, string>();
  #saved: string;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #queue: Promise<void> = Promise.resolve();

  constructor(
    private readonly backend: Backend,
    readonly conversation: string,
    draft: string,
  ) {
    this.#text = draft;
    this.#saved = draft;
  }

  get text(): string {
    return this.#text;
  }

  set text(text: string) {
    this.#text = text;
    if (this.#editing !== null) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.save(), DRAFT_SAVED_AFTER_MS);
  }

  get editing(): Editing | null {
    return this.#editing;
  }

  get failure(): FailureKind | null {
    return this.#failure;
  }

  /** Keeps the draft in the core, if it changed. */
  save(): void {
    clearTimeout(this.#timer);
    const text = this.#editing === null ? this.#text : this.#parked;
    if (text === this.#saved) return;
    this.#saved = text;
    void this.#enqueue(() => ask(this.backend, { type: 'save_draft', conversation: this.conversation, text }));
  }

  edit(item: TimelineItem): void {
    if (item.body.type !== 'message') return;
    if (this.#editing !== null) this.cancel();
    this.save();
    this.#parked = this.#text;
    this.#editing = { message: item.body.id, original: item.body.text, rejected: item.state.type === 'rejected' };
    this.#text = this.#abandoned.get(item.body.id) ?? item.body.text;
  }

  cancel(): void {
    const editing = this.#editing;
    if (editing === null) return;
    if (this.#text !== editing.original) this.#abandoned.set(editing.message, this.#text);
    this.#stopEditing();
  }

  async send(): Promise<void> {
    const text = this.#text.trim();
    const editing = this.#editing;
    if (text === '') return;
    if (editing === null) {
      clearTimeout(this.#timer);
      this.#text = '';
      this.#saved = '';
      await this.#enqueue(() => ask(this.backend, { type: 'send', conversation: this.conversation, text }), () => {
        this.text = this.#text === '' ? text : `${text}\n${this.#text}`;
      });
      return;
    }
    this.#stopEditing();
    this.#abandoned.delete(editing.message);
    if (text === editing.original && !editing.rejected) return;
    await this.#enqueue(() => this.#replace(editing, text), () => {
      this.#abandoned.set(editing.message, text);
    });
  }

  async #replace(editing: Editing, text: string): Promise<void> {
    const which = { conversation: this.conversation, message: editing.message };
    if (!editing.rejected) {
      await ask(this.backend, { type: 'edit', ...which, text });
      return;
    }
    // A refused message is final at the server: the corrected text goes out as a new one, then the old one is given up.
    await ask(this.backend, { type: 'send', conversation: this.conversation, text });
    await ask(this.backend, { type: 'discard', ...which });
  }

  #stopEditing(): void {
    this.#editing = null;
    this.#text = this.#parked;
    this.#parked = '';
  }

  #enqueue(work: () => Promise<unknown>, undo?: () => void): Promise<void> {
    this.#queue = this.#queue.then(async () => {
      try {
        await work();
        this.#failure = null;
      } catch (cause) {
        this.#failure = refused(cause).kind;
        undo?.();
      }
    });
    return this.#queue;
  }
}
