import { createContext, tick } from 'svelte';
import { ask, refused, type Backend } from '../backend';
import type { RejectReason } from '../bridge/RejectReason';
import type { Update } from '../bridge/Update';
import { failureText, revertedText } from '../text/failure';
import { Composer } from './composer.svelte';
import { ConnectionState } from './connection.svelte';
import { Conversations } from './conversations.svelte';
import { Notices } from './notices.svelte';
import { Screen } from './screen.svelte';
import { Search } from './search.svelte';
import { Session } from './session.svelte';
import type { Settings } from './settings.svelte';
import { TimelineView } from './timeline.svelte';

export type DialogName = 'new' | 'switcher' | 'keys';

/** Everything the screen draws, handed down by context. It keeps what the core answered and asks again on updates. */
export class App {
  readonly screen = new Screen();
  readonly notices = new Notices();
  readonly session: Session;
  readonly connection: ConnectionState;
  readonly conversations: Conversations;
  readonly search: Search;
  #timeline = $state.raw<TimelineView | null>(null);
  #composer = $state.raw<Composer | null>(null);
  #dialog = $state<DialogName | null>(null);
  /** Which pane is in front where there is room for one only. */
  #front = $state<'list' | 'chat'>('list');
  /** The server ended the session and the person is signing in again; what is unsent is still here. */
  #signingInAgain = $state(false);
  readonly #composers = new Map<string, Composer>();

  constructor(
    readonly backend: Backend,
    readonly settings: Settings,
  ) {
    this.session = new Session(backend);
    this.connection = new ConnectionState(backend);
    this.conversations = new Conversations(backend);
    this.search = new Search(backend);
  }

  /** Begins to listen and reads everything once; the result ends the listening. */
  start(): () => void {
    const unwatch = this.screen.watch();
    const deafen = this.backend.onUpdate((update) => this.#update(update));
    void this.#readSession();
    void this.connection.read();
    return () => {
      unwatch();
      deafen();
    };
  }

  get timeline(): TimelineView | null {
    return this.#timeline;
  }
  get composer(): Composer | null {
    return this.#composer;
  }
  /** The conversation on screen. */
  get open(): string | null {
    return this.#timeline?.conversation ?? null;
  }
  get dialog(): DialogName | null {
    return this.#dialog;
  }
  set dialog(dialog: DialogName | null) {
    this.#dialog = dialog;
  }
  get front() {
    return this.#front;
  }
  set front(front: 'list' | 'chat') {
    this.#front = front;
  }

  get signingInAgain(): boolean {
    return this.#signingInAgain;
  }
  set signingInAgain(again: boolean) {
    this.#signingInAgain = again;
  }

  /** Puts a conversation on screen. Resolves when its timeline is there. */
  async select(conversation: string): Promise<void> {
    this.#front = 'chat';
    if (this.open === conversation) return;
    this.#composer?.save();
    const timeline = new TimelineView(this.backend, conversation);
    this.#timeline = timeline;
    this.#composer = this.#composerOf(conversation);
    this.#show(conversation);
    await timeline.read();
  }

  /** Puts a conversation on screen at one of its messages. */
  async selectAt(conversation: string, seq: number): Promise<void> {
    await this.select(conversation);
    const failure = (await this.#timeline?.reach(seq)) ?? null;
    if (failure !== null) this.notices.show(failureText(failure));
  }

  /** Leaves the conversation on screen. */
  close(): void {
    this.#composer?.save();
    this.#timeline = null;
    this.#composer = null;
    this.#front = 'list';
    this.#show(null);
  }

  /** The direct conversation with somebody. */
  async openDirect(account: string): Promise<boolean> {
    return this.#opened(ask(this.backend, { type: 'open_direct', account }));
  }

  async createGroup(title: string, members: string[]): Promise<boolean> {
    return this.#opened(ask(this.backend, { type: 'create_group', title, members }));
  }

  /** One of the small changes of a message; a refusal becomes a notice. */
  async change(type: 'delete' | 'retry' | 'discard', message: string): Promise<void> {
    const conversation = this.open;
    if (conversation === null) return;
    try {
      await this.backend.request({ type, conversation, message });
    } catch (cause) {
      this.notices.show(failureText(refused(cause).kind));
    }
  }

  /** Moves through the list. */
  step(step: 1 | -1, unreadOnly: boolean): void {
    const row = this.conversations.neighbour(this.open, step, unreadOnly);
    if (row) void this.select(row.id);
  }

  async readSession(): Promise<void> {
    await this.#readSession();
  }

  #composerOf(conversation: string): Composer {
    let composer = this.#composers.get(conversation);
    if (!composer) {
      composer = new Composer(this.backend, conversation, this.conversations.find(conversation)?.draft ?? '');
      this.#composers.set(conversation, composer);
    }
    return composer;
  }

  async #opened(answer: Promise<{ conversation: string }>): Promise<boolean> {
    try {
      const { conversation } = await answer;
      await this.conversations.read();
      void this.select(conversation);
      return true;
    } catch (cause) {
      this.notices.show(failureText(refused(cause).kind));
      return false;
    }
  }

  #show(conversation: string | null): void {
    ask(this.backend, { type: 'show', conversation }).catch((cause) => console.error(refused(cause).message));
  }

  async #readSession(): Promise<void> {
    const before = this.session.row?.account ?? null;
    await this.session.read();
    if (this.session.phase === 'in') {
      await this.conversations.read();
    } else if (before !== null) {
      this.#forget();
    }
  }

  async #readConnection(): Promise<void> {
    const before = this.connection.connected;
    await this.connection.read();
    if (!before && this.connection.connected) await this.#timeline?.connected();
  }

  /** Nobody is signed in any more: nothing of the last session may stay on screen. */
  #forget(): void {
    this.#timeline = null;
    this.#composer = null;
    this.#composers.clear();
    this.#dialog = null;
    this.#front = 'list';
    this.search.clear();
    this.conversations.forget();
  }

  #update(update: Update): void {
    switch (update.type) {
      case 'session':
        void this.#readSession();
        break;
      case 'status':
        void this.#readConnection();
        break;
      case 'conversations':
        void this.conversations.read();
        break;
      case 'timeline':
        if (update.conversation === this.open) void this.#timeline?.read();
        break;
      case 'reverted':
        this.#reverted(update.conversation, update.reason);
        break;
      case 'overflowed':
        void this.#readSession();
        void this.#readConnection();
        void this.#timeline?.read();
        break;
    }
  }

  #reverted(conversation: string, reason: RejectReason): void {
    void tick().then(() => this.notices.show(revertedText(this.conversations.find(conversation)?.title, reason)));
  }
}

export const [getApp, setApp] = createContext<App>();
