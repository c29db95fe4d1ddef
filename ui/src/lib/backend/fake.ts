/**
 * A core in memory, with a script for what is outside it: others write, the server goes away, a message is refused.
 * Tests reach it as `window.filFake`; `?scenario=` chooses the world (see `fake_world.ts`).
 */
import { Refused, type Backend } from '../backend';
import type { ConversationRow } from '../bridge/ConversationRow';
import type { FailureKind } from '../bridge/FailureKind';
import type { ItemBody } from '../bridge/ItemBody';
import type { Person } from '../bridge/Person';
import type { Problem } from '../bridge/Problem';
import type { RejectReason } from '../bridge/RejectReason';
import type { Request } from '../bridge/Request';
import type { Response } from '../bridge/Response';
import type { SearchHit } from '../bridge/SearchHit';
import type { SessionRow } from '../bridge/SessionRow';
import type { Timeline } from '../bridge/Timeline';
import type { TimelineItem } from '../bridge/TimelineItem';
import type { TimelineRange } from '../bridge/TimelineRange';
import type { Update } from '../bridge/Update';
import { fold } from '../text/fold';
import { Listeners } from './listeners';
import { scenario, type FakeConversation, type World } from './fake_world';

type Asked<K extends Request['type']> = Extract<Request, { type: K }>;

const DONE: Response = { type: 'done' };

export class FakeBackend implements Backend {
  /** Every request, for tests that look at what the screen asked. */
  readonly asked: Request[] = [];
  /** Answers to local requests take this long. */
  latency_ms = 0;
  /** The verdict of the server comes after this long; `null`: never by itself. */
  verdict_ms: number | null = 30;
  /** The next request of a type is refused with this kind. */
  readonly refuse = new Map<Request['type'], FailureKind>();

  readonly #listeners = new Listeners();
  #offline_since_ms: number | null = null;
  #problem: Problem | null = null;
  #reject_next: RejectReason | null = null;
  #next_id = 1;

  constructor(readonly world: World) {}

  async request(request: Request): Promise<Response> {
    const copy = structuredClone(request);
    this.asked.push(copy);
    if (this.latency_ms > 0) await new Promise((go) => setTimeout(go, this.latency_ms));
    const kind = this.refuse.get(copy.type);
    if (kind !== undefined) {
      this.refuse.delete(copy.type);
      throw this.#refusal(kind);
    }
    return structuredClone(await this.#answer(copy));
  }

  onUpdate(listener: (update: Update) => void): () => void {
    return this.#listeners.add(listener);
  }

  // The script: what happens outside.

  goOffline(since_ms = Date.now()): void {
    this.#offline_since_ms = since_ms;
    this.#tell({ type: 'status' });
  }

  goOnline(): void {
    this.#offline_since_ms = null;
    this.#tell({ type: 'status' });
    for (const conversation of this.world.conversations) this.#deliver(conversation);
  }

  haveProblem(problem: Problem | null): void {
    this.#problem = problem;
    this.#tell({ type: 'status' });
  }

  rejectNext(reason: RejectReason): void {
    this.#reject_next = reason;
  }

  revert(conversation: string, reason: RejectReason): void {
    this.#tell({ type: 'reverted', conversation, reason });
  }

  overflow(): void {
    this.#tell({ type: 'overflowed' });
  }

  /** Somebody else writes. */
  receive(conversation: string, handle: string, text: string): void {
    const found = this.#find(conversation);
    this.#append(found, this.#person(handle), { type: 'message', id: this.#id('m'), text, edited: false });
    this.#changed(found);
  }

  // The core.

  async #answer(request: Request): Promise<Response> {
    switch (request.type) {
      case 'session':
        return { type: 'session', session: this.world.session };
      case 'sign_in':
        return this.#signIn(request);
      case 'accept_invite':
        if (!request.link.includes('invite')) throw this.#refusal('invite_invalid');
        return this.#begin({ server: new URL(request.link).host, organisation: 'Atelier', handle: 'camille' });
      case 'sign_out':
        if (this.#waiting() > 0 && !request.discard_unsent) throw this.#refusal('unsent');
        this.world.session = null;
        this.#tell({ type: 'session' });
        return { type: 'session', session: null };
      case 'status':
        return this.#status();
      case 'conversations':
        return { type: 'conversations', conversations: this.#rows() };
      case 'conversation':
        return {
          type: 'conversation',
          conversation: this.#rows().find((row) => row.id === request.conversation) ?? null,
        };
      case 'timeline':
        return { type: 'timeline', timeline: await this.#timeline(this.#find(request.conversation), request.range) };
      case 'people':
        return { type: 'people', people: this.#people(request.query) };
      case 'open_direct':
        return { type: 'opened', conversation: this.#openDirect(request.account) };
      case 'create_group':
        return { type: 'opened', conversation: this.#createGroup(request) };
      case 'send':
        return this.#send(request);
      case 'search':
        return { type: 'found', hits: this.#search(request) };
      case 'connect_now':
        if (this.#offline_since_ms !== null) this.goOnline();
        return DONE;
      case 'show':
        return DONE;
      default:
        return this.#change(request);
    }
  }

  /** The requests that change one thing of one conversation. */
  #change(
    request: Asked<'edit'> | Asked<'delete'> | Asked<'retry'> | Asked<'discard'> | Asked<'mark_read'> | Asked<'save_draft'>,
  ): Response {
    const conversation = this.#find(request.conversation);
    switch (request.type) {
      case 'mark_read':
        conversation.read = Math.max(conversation.read, request.seq);
        break;
      case 'save_draft':
        conversation.draft = request.text;
        this.#tell({ type: 'conversations' });
        return DONE;
      case 'edit': {
        const item = this.#message(conversation, request.message);
        if (item.body.type === 'message') {
          item.body = { ...item.body, text: request.text, edited: item.seq !== null };
          if (item.state.type === 'rejected') item.state = { type: 'queued' };
        }
        break;
      }
      case 'delete': {
        const item = this.#message(conversation, request.message);
        if (item.seq === null) this.#drop(conversation, item);
        else Object.assign(item, { body: { type: 'deleted' }, may_edit: false, may_delete: false });
        break;
      }
      case 'retry':
        this.#message(conversation, request.message).state = { type: 'queued' };
        break;
      case 'discard':
        this.#drop(conversation, this.#message(conversation, request.message));
        break;
    }
    this.#changed(conversation);
    this.#deliver(conversation);
    return DONE;
  }

  #signIn(request: Asked<'sign_in'>): Response {
    if (request.server.includes('nowhere')) throw this.#refusal('offline');
    if (request.password === 'wrong') throw this.#refusal('wrong_credentials');
    return this.#begin(request);
  }

  #begin(who: { server: string; organisation: string; handle: string }): Response {
    const known = this.world.people.find((person) => person.handle === who.handle) ?? this.world.me;
    const session: SessionRow = {
      server: who.server,
      organisation: who.organisation || 'Atelier',
      account: known.account,
      handle: known.handle,
      name: known.name,
      tokens_in: 'private_file',
    };
    this.world.session = session;
    this.#tell({ type: 'session' });
    return { type: 'session', session };
  }

  #send(request: Asked<'send'>): Response {
    const conversation = this.#find(request.conversation);
    const id = this.#id('m');
    conversation.items.push({
      key: id,
      seq: null,
      at_ms: Date.now(),
      composed_at_ms: null,
      author: this.world.me,
      own: true,
      body: { type: 'message', id, text: request.text, edited: false },
      state: { type: 'queued' },
      may_edit: true,
      may_delete: true,
    });
    conversation.draft = '';
    this.#changed(conversation);
    this.#deliver(conversation);
    return { type: 'queued', message: id };
  }

  /** What waits gets its verdict, in order, when there is a connection. */
  #deliver(conversation: FakeConversation): void {
    if (this.verdict_ms === null || this.#offline_since_ms !== null) return;
    setTimeout(() => {
      if (this.#offline_since_ms !== null) return;
      const waiting = conversation.items.filter((item) => item.state.type === 'queued');
      if (waiting.length === 0) return;
      conversation.pending = false;
      for (const item of waiting) {
        if (this.#reject_next !== null) {
          item.state = { type: 'rejected', reason: this.#reject_next };
          this.#reject_next = null;
          continue;
        }
        this.#drop(conversation, item);
        const composed = item.at_ms;
        item.seq = ++conversation.head;
        item.at_ms = Date.now();
        item.composed_at_ms = item.at_ms - composed > 120_000 ? composed : null;
        item.state = { type: 'sent' };
        conversation.items.splice(conversation.items.filter((other) => other.seq !== null).length, 0, item);
        if (conversation.read === item.seq - 1) conversation.read = item.seq;
      }
      this.#changed(conversation);
    }, this.verdict_ms);
  }

  #append(conversation: FakeConversation, author: Person, body: ItemBody): void {
    const seq = ++conversation.head;
    const item: TimelineItem = {
      key: body.type === 'message' ? body.id : `${conversation.id}-${seq}`,
      seq,
      at_ms: Date.now(),
      composed_at_ms: null,
      author,
      own: author.account === this.world.me.account,
      body,
      state: { type: 'sent' },
      may_edit: false,
      may_delete: false,
    };
    conversation.items.splice(conversation.items.filter((other) => other.seq !== null).length, 0, item);
  }

  async #timeline(conversation: FakeConversation, range: TimelineRange): Promise<Timeline> {
    const sent = conversation.items.filter((item) => item.seq !== null);
    const unread = this.#unread(conversation);
    const first_unread = unread[0]?.seq ?? null;
    let from = 1;
    let to = Number.POSITIVE_INFINITY;
    if (range.type === 'opening') {
      from = Math.max(1, conversation.head - range.limit + 1);
      if (first_unread !== null) from = Math.max(1, Math.min(from, first_unread - 10));
      from = Math.min(from, conversation.head);
    } else if (range.type === 'from') {
      from = range.seq;
    } else {
      to = range.seq;
      from = Math.max(1, range.seq - range.limit);
      if (from < conversation.kept_from) {
        await new Promise((go) => setTimeout(go, this.latency_ms));
        if (this.#offline_since_ms !== null) throw this.#refusal('offline');
        conversation.kept_from = from;
      }
    }
    const items = sent.filter((item) => item.seq! >= from && item.seq! < to);
    if (range.type !== 'before') items.push(...conversation.items.filter((item) => item.seq === null));
    const older = from <= 1 ? 'none' : from <= conversation.kept_from ? 'server' : 'kept';
    return { conversation: conversation.id, items, from, older, head: conversation.head, first_unread, unread: unread.length };
  }

  #status(): Response {
    const offline = this.#offline_since_ms !== null;
    return {
      type: 'status',
      status: {
        connection: this.world.session === null ? 'stopped' : offline ? 'offline' : 'live',
        offline_since_ms: this.#offline_since_ms,
        next_attempt_ms: offline ? Date.now() + 8000 : null,
        waiting: this.#waiting(),
        rejected: this.world.conversations.filter(isRejected).length,
        problem: this.#problem,
      },
    };
  }

  #waiting(): number {
    return this.world.conversations
      .flatMap((conversation) => conversation.items)
      .filter((item) => item.state.type === 'queued').length;
  }

  #rows(): ConversationRow[] {
    return this.world.conversations
      .map((conversation) => {
        const last = conversation.items.at(-1);
        return {
          id: conversation.id,
          kind: conversation.kind,
          title: conversation.title,
          members: conversation.members.length,
          unread: this.#unread(conversation).length,
          last: last ? { author: last.author, own: last.own, at_ms: last.at_ms, body: last.body } : null,
          draft: conversation.draft,
          rejected: isRejected(conversation),
          pending: conversation.pending,
        };
      })
      .sort((a, b) => (b.last?.at_ms ?? 0) - (a.last?.at_ms ?? 0));
  }

  #unread(conversation: FakeConversation): TimelineItem[] {
    return conversation.items.filter(
      (item) => item.seq !== null && item.seq > conversation.read && !item.own && item.body.type === 'message',
    );
  }

  #people(query: string): Person[] {
    const wanted = fold(query);
    return this.world.people.filter(
      (person) =>
        person.account !== this.world.me.account &&
        [person.handle, ...person.name.split(' ')].some((word) => fold(word).startsWith(wanted)),
    );
  }

  #openDirect(account: string): string {
    const person = this.world.people.find((other) => other.account === account);
    if (!person) throw this.#refusal('not_found');
    const known = this.world.conversations.find(
      (conversation) => conversation.kind === 'direct' && conversation.members.some((member) => member.account === account),
    );
    return known?.id ?? this.#create('direct', person.name, [this.world.me, person]);
  }

  #createGroup(request: Asked<'create_group'>): string {
    if (request.title.trim() === '') throw this.#refusal('invalid');
    const members = this.world.people.filter((person) => request.members.includes(person.account));
    return this.#create('group', request.title, [this.world.me, ...members]);
  }

  #create(kind: 'direct' | 'group', title: string, members: Person[]): string {
    const conversation: FakeConversation = {
      id: this.#id('c'),
      kind,
      title,
      members,
      items: [],
      read: 1,
      head: 0,
      draft: '',
      pending: this.#offline_since_ms !== null,
      kept_from: 1,
    };
    this.world.conversations.push(conversation);
    this.#append(conversation, this.world.me, { type: 'created' });
    this.#tell({ type: 'conversations' });
    return conversation.id;
  }

  #search(request: Asked<'search'>): SearchHit[] {
    const words = fold(request.query).split(/\s+/).filter(Boolean);
    if (words.length === 0) return [];
    const hits: SearchHit[] = [];
    for (const conversation of this.world.conversations) {
      if (request.conversation !== null && request.conversation !== conversation.id) continue;
      for (const item of conversation.items) {
        if (item.body.type !== 'message' || item.seq === null) continue;
        const text = item.body.text;
        const pieces = text.split(/(\s+)/);
        const isHit = (piece: string) => words.some((word) => fold(piece).startsWith(word));
        if (!words.every((word) => pieces.some((piece) => fold(piece).startsWith(word)))) continue;
        hits.push({
          conversation: conversation.id,
          conversation_title: conversation.title,
          seq: item.seq,
          message: item.body.id,
          author: item.author,
          at_ms: item.at_ms,
          snippet: pieces.map((piece) => ({ text: piece, hit: piece.trim() !== '' && isHit(piece) })),
        });
      }
    }
    return hits.sort((a, b) => b.at_ms - a.at_ms).slice(0, 50);
  }

  #message(conversation: FakeConversation, id: string): TimelineItem {
    const found = conversation.items.find((item) => item.body.type === 'message' && item.body.id === id);
    if (!found) throw this.#refusal('not_found');
    return found;
  }

  #drop(conversation: FakeConversation, item: TimelineItem): void {
    conversation.items = conversation.items.filter((other) => other !== item);
  }

  #changed(conversation: FakeConversation): void {
    this.#tell({ type: 'timeline', conversation: conversation.id });
    this.#tell({ type: 'conversations' });
    this.#tell({ type: 'status' });
  }

  #find(id: string): FakeConversation {
    const found = this.world.conversations.find((conversation) => conversation.id === id);
    if (!found) throw this.#refusal('not_found');
    return found;
  }

  #person(handle: string): Person {
    return this.world.people.find((person) => person.handle === handle) ?? this.world.me;
  }

  #id(prefix: string): string {
    return `${prefix}-new-${this.#next_id++}`;
  }

  #tell(update: Update): void {
    this.#listeners.tell(update);
  }

  #refusal(kind: FailureKind): Refused {
    return new Refused({ kind, detail: 'from the fake' });
  }
}

function isRejected(conversation: FakeConversation): boolean {
  return conversation.items.some((item) => item.state.type === 'rejected');
}


/** Opens the fake for a page and hands it to the test as `window.filFake`. */
export function openFake(query: URLSearchParams): FakeBackend {
  const backend = new FakeBackend(scenario(query.get('scenario') ?? 'demo'));
  backend.latency_ms = Number(query.get('latency') ?? 0);
  if (query.get('scenario') === 'locked') backend.refuse.set('session', 'locked');
  Object.assign(globalThis, { filFake: backend });
  return backend;
}
