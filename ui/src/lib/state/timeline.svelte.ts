import { ask, refused, type Backend } from '../backend';
import type { FailureKind } from '../bridge/FailureKind';
import type { Older } from '../bridge/Older';
import type { Timeline } from '../bridge/Timeline';
import type { TimelineItem } from '../bridge/TimelineItem';
import { Reread } from './reread';

const OPENING_ITEMS = 60;
const PAGE_ITEMS = 60;
/** Bigger pages on the way to a search hit: fewer steps, and nobody looks at them one by one. */
const REACH_ITEMS = 200;

/** The timeline of the conversation on screen, from the lowest number that was looked at to the end. */
export class TimelineView {
  #items = $state.raw<TimelineItem[]>([]);
  #phase = $state<'loading' | 'ready' | 'failed'>('loading');
  #failure = $state<FailureKind | null>(null);
  #older = $state<Older>('none');
  #olderPhase = $state<'idle' | 'loading' | 'failed'>('idle');
  #olderFailure = $state<FailureKind | null>(null);
  #prepended = $state(false);
  #unread = $state(0);
  #line = $state<number | null>(null);
  #target = $state<string | null>(null);
  #from = 0;
  #head = 0;
  #marked = 0;
  /** Whether the person has the end before their eyes: what comes now is not "new" to them. */
  watched = false;
  readonly #reread: Reread;

  constructor(
    private readonly backend: Backend,
    readonly conversation: string,
  ) {
    this.#reread = new Reread(() => this.#read());
  }

  get items(): TimelineItem[] {
    return this.#items;
  }
  get phase() {
    return this.#phase;
  }
  get failure(): FailureKind | null {
    return this.#failure;
  }
  get older(): Older {
    return this.#older;
  }
  get olderPhase() {
    return this.#olderPhase;
  }
  get olderFailure(): FailureKind | null {
    return this.#olderFailure;
  }
  /** Whether the newest change of {@link items} was at their beginning. */
  get prepended(): boolean {
    return this.#prepended;
  }
  get unread(): number {
    return this.#unread;
  }
  /** The number above which "New messages" stands. It stays until the person leaves. */
  get line(): number | null {
    return this.#line;
  }
  /** The key of the item that a search led to. */
  get target(): string | null {
    return this.#target;
  }

  /** Reads what is on screen; the first time, the opening stretch. */
  read(): Promise<void> {
    return this.#reread.ask();
  }

  /** Loads a page upwards. One at a time; a failure waits for {@link retryOlder} or for the connection. */
  async loadOlder(): Promise<void> {
    if (this.#olderPhase === 'idle' && this.#older !== 'none') await this.#page(PAGE_ITEMS);
  }

  async retryOlder(): Promise<void> {
    if (this.#olderPhase === 'failed') await this.#page(PAGE_ITEMS);
  }

  /** The connection is back: what failed for want of it is tried again. */
  async connected(): Promise<void> {
    if (this.#olderFailure === 'offline') await this.retryOlder();
  }

  /** Loads pages upwards until a number is inside, then points at it. Answers why not, if it could not. */
  async reach(seq: number): Promise<FailureKind | null> {
    this.#target = null;
    if (this.#phase !== 'ready') await this.read();
    while (this.#from > seq && this.#older !== 'none') {
      if (!(await this.#page(REACH_ITEMS))) return this.#olderFailure;
    }
    const item = this.#items.find((candidate) => candidate.seq !== null && candidate.seq >= seq);
    if (item === undefined) return 'not_found';
    this.#target = item.key;
    return null;
  }

  /** The person has seen the end. */
  async markRead(): Promise<void> {
    if (this.#unread === 0 || this.#marked >= this.#head) return;
    const seq = this.#head;
    this.#marked = seq;
    await ask(this.backend, { type: 'mark_read', conversation: this.conversation, seq }).catch(() => {
      this.#marked = 0;
    });
  }

  async #read(): Promise<void> {
    const asked = this.#from;
    try {
      const opening = this.#phase !== 'ready';
      const { timeline } = await ask(this.backend, {
        type: 'timeline',
        conversation: this.conversation,
        range: opening ? { type: 'opening', limit: OPENING_ITEMS } : { type: 'from', seq: asked },
      });
      this.#take(timeline, opening ? timeline.from : asked);
      this.#failure = null;
      this.#phase = 'ready';
    } catch (cause) {
      this.#failure = refused(cause).kind;
      if (this.#phase === 'loading') this.#phase = 'failed';
    }
  }

  /** Takes a stretch to the end. Pages that came in above it meanwhile stay, unless the core no longer covers them. */
  #take(timeline: Timeline, asked: number): void {
    const replaced = timeline.from > asked;
    const above = replaced ? [] : this.#items.filter((item) => item.seq !== null && item.seq < asked);
    if (above.length === 0) {
      this.#from = timeline.from;
      this.#older = timeline.older;
    }
    const opening = this.#phase === 'loading';
    if (timeline.first_unread !== null && (opening || (!this.watched && (this.#unread === 0 || this.#line === null)))) {
      this.#line = timeline.first_unread;
    }
    this.#prepended = false;
    this.#items = [...above, ...timeline.items];
    this.#head = timeline.head;
    this.#unread = timeline.unread;
  }

  async #page(limit: number): Promise<boolean> {
    this.#olderPhase = 'loading';
    const asked = this.#from;
    try {
      const { timeline } = await ask(this.backend, {
        type: 'timeline',
        conversation: this.conversation,
        range: { type: 'before', seq: asked, limit },
      });
      // A rereading may have replaced everything meanwhile: then the page no longer fits and is dropped.
      if (this.#from === asked) {
        this.#prepended = true;
        this.#items = [...timeline.items, ...this.#items];
        this.#from = timeline.from;
        this.#older = timeline.from < asked ? timeline.older : 'none';
      }
      this.#olderPhase = 'idle';
      return true;
    } catch (cause) {
      this.#olderFailure = refused(cause).kind;
      this.#olderPhase = 'failed';
      return false;
    }
  }
}
