/** The worlds of the fake: people, conversations and what was said in them. */
import type { ConversationKind } from '../bridge/ConversationKind';
import type { ItemBody } from '../bridge/ItemBody';
import type { Person } from '../bridge/Person';
import type { SessionRow } from '../bridge/SessionRow';
import type { TimelineItem } from '../bridge/TimelineItem';

export interface FakeConversation {
  id: string;
  kind: ConversationKind;
  title: string;
  members: Person[];
  /** Sent ones first, in order of `seq`; then what waits. */
  items: TimelineItem[];
  read: number;
  head: number;
  draft: string;
  pending: boolean;
  /** Items below this number are at the server only. */
  kept_from: number;
}

export interface World {
  me: Person;
  people: Person[];
  session: SessionRow | null;
  conversations: FakeConversation[];
}

const MINUTE = 60_000;

const NAMES: [string, string][] = [
  ['camille', 'Camille Durand'],
  ['nadia', 'Nadia Haddad'],
  ['jonas', 'Jonas Weber'],
  ['ines', 'Inès Carvalho'],
  ['tom', 'Tom Okafor'],
  ['lea', 'Léa Fontaine'],
  ['yusuf', 'يوسف حداد'],
  ['maximiliane', 'Maximiliane-Alexandra von Hohenstein-Wittelsbach'],
  ['sven', 'Sven Åkerlund'],
  ['mei', '林 美'],
];

function people(): Person[] {
  return NAMES.map(([handle, name]) => ({ account: `a-${handle}`, handle, name }));
}

/** Writes a conversation down, oldest first: `[minutes ago, handle, text or body]`. */
type Line = [number, string, string | ItemBody];

function conversation(all: Person[], id: string, kind: ConversationKind, title: string, lines: Line[]): FakeConversation {
  const now = Date.now();
  const by = (handle: string) => all.find((person) => person.handle === handle) ?? all[0]!;
  const items = lines.map(([minutes, handle, what], index): TimelineItem => {
    const own = handle === 'camille';
    const seq = index + 1;
    const body: ItemBody =
      typeof what === 'string' ? { type: 'message', id: `m-${id}-${seq}`, text: what, edited: false } : what;
    return {
      key: `k-${id}-${seq}`,
      seq,
      at_ms: now - minutes * MINUTE,
      composed_at_ms: null,
      author: by(handle),
      own,
      body,
      state: { type: 'sent' },
      may_edit: own && body.type === 'message',
      may_delete: own && body.type === 'message',
    };
  });
  const handles = new Set(lines.map(([, handle]) => handle));
  const members = all.filter((person) => handles.has(person.handle) || person.handle === 'camille');
  return { id, kind, title, members, items, read: items.length, head: items.length, draft: '', pending: false, kept_from: 1 };
}

const created: ItemBody = { type: 'created' };

function atelier(all: Person[]): FakeConversation {
  const made = conversation(all, 'atelier', 'group', 'Atelier Bellecour', [
    [2 * 24 * 60 + 95, 'nadia', created],
    [2 * 24 * 60 + 95, 'nadia', { type: 'joined', person: all[2]! }],
    [2 * 24 * 60 + 94, 'nadia', 'Bonjour à tous, je rassemble ici tout ce qui touche au chantier de la place.'],
    [2 * 24 * 60 + 60, 'jonas', 'Merci ! Les plans du rez-de-chaussée sont prêts.'],
    [2 * 24 * 60 + 58, 'camille', 'Parfait. Je les regarde ce soir.'],
    [24 * 60 + 200, 'ines', 'The supplier confirmed the oak for Thursday. They asked whether we still want the narrow boards for the hallway, or the wide ones as in the showroom.'],
    [24 * 60 + 198, 'ines', 'I would take the wide ones.'],
    [24 * 60 + 190, 'camille', 'Wide, yes.\nAnd please ask for the samples of the oil as well:\n– natural\n– smoked'],
    [24 * 60 + 120, 'jonas', { type: 'deleted' }],
    [24 * 60 + 118, 'nadia', { type: 'title', title: 'Atelier Bellecour' }],
    [64, 'nadia', 'The scaffolding permit has arrived 🎉'],
    [63, 'camille', 'Wonderful, that was the last one!'],
    [41, 'jonas', 'Then we begin on Monday at seven. Who has the keys?'],
    [40, 'tom', { type: 'joined', person: all[5]! }],
    [38, 'lea', 'I have one set, the other is with the caretaker.'],
    [12, 'nadia', 'Good. I will meet you there.'],
    [4, 'ines', 'See you on Monday then 👋'],
  ]);
  const edited = made.items[7]!;
  if (edited.body.type === 'message') edited.body.edited = true;
  made.items[11]!.composed_at_ms = made.items[11]!.at_ms - 25 * MINUTE;
  made.read = 14;
  return made;
}

function demo(all: Person[]): FakeConversation[] {
  const direct = (handle: string, lines: Line[]) =>
    conversation(all, handle, 'direct', all.find((person) => person.handle === handle)!.name, lines);
  const jonas = direct('jonas', [
    [60 * 30, 'camille', created],
    [60 * 30, 'jonas', 'Hast du kurz Zeit für die Statik?'],
    [60 * 29, 'camille', 'Yes, call me at four.'],
  ]);
  jonas.draft = 'About the beam above the window:';
  const tom = direct('tom', [
    [60 * 50, 'tom', created],
    [60 * 50, 'tom', 'The invoice is on its way.'],
    [60 * 49, 'camille', 'Thank you!'],
  ]);
  tom.items.push(unsent(all[0]!, 'm-tom-rejected', 'Here is the whole specification again, with all annexes.', 3, 'too_large'));
  const lea = direct('lea', [
    [90, 'lea', created],
    [90, 'lea', 'Tu as vu le nouveau catalogue ?'],
    [25, 'lea', 'La page 12 surtout.'],
  ]);
  lea.read = 1;
  return [
    atelier(all),
    lea,
    tom,
    jonas,
    direct('maximiliane', [
      [60 * 80, 'camille', created],
      [60 * 80, 'maximiliane', 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft https://example.org/a/very/long/path/without/any/space/that/has/to/be/broken/somewhere/or/it/overflows'],
    ]),
    direct('yusuf', [
      [60 * 24 * 9, 'yusuf', created],
      [60 * 24 * 9, 'yusuf', 'صباح الخير، هل وصلت العينات؟'],
    ]),
    direct('mei', [
      [60 * 24 * 40, 'mei', created],
      [60 * 24 * 40, 'camille', '谢谢!'],
    ]),
  ];
}

function unsent(author: Person, id: string, text: string, minutes: number, rejected: 'too_large' | null): TimelineItem {
  return {
    key: id,
    seq: null,
    at_ms: Date.now() - minutes * MINUTE,
    composed_at_ms: null,
    author,
    own: true,
    body: { type: 'message', id, text, edited: false },
    state: rejected === null ? { type: 'queued' } : { type: 'rejected', reason: rejected },
    may_edit: true,
    may_delete: true,
  };
}

/** A conversation of 2,000 messages, of which the newest 400 are kept here and 40 are unread. */
function long(all: Person[]): FakeConversation {
  const handles = ['nadia', 'jonas', 'camille', 'ines'];
  const lines: Line[] = [[2001 * 7, 'nadia', created]];
  for (let n = 1; n < 2000; n++) {
    const words = 3 + ((n * 7919) % 40);
    const text = `No ${n}: ${'lorem ipsum dolor sit amet consectetur '.repeat(8).split(' ').slice(0, words).join(' ')}`;
    lines.push([(2000 - n) * 7, handles[Math.floor(n / 3) % handles.length]!, text]);
  }
  const made = conversation(all, 'long', 'group', 'The long one', lines);
  made.read = 1960;
  made.kept_from = 1600;
  return made;
}

function many(all: Person[]): FakeConversation[] {
  return Array.from({ length: 300 }, (_, n) => {
    const made = conversation(all, `many-${n}`, 'group', `Projet ${n + 1} – ${n % 7 === 0 ? 'une affaire au titre vraiment très long' : 'suivi'}`, [
      [n * 45 + 5, 'nadia', created],
      [n * 45 + 3, 'nadia', `Point numéro ${n + 1}`],
    ]);
    made.read = n % 5 === 0 ? 1 : 2;
    return made;
  });
}

export function scenario(name: string): World {
  const all = people();
  const me = all[0]!;
  const session: SessionRow = {
    server: 'fil.example.org',
    organisation: 'Atelier',
    account: me.account,
    handle: me.handle,
    name: me.name,
    tokens_in: 'keyring',
  };
  const world: World = { me, people: all, session, conversations: [] };
  if (name === 'signed_out') world.session = null;
  if (name === 'demo') world.conversations = demo(all);
  if (name === 'signed_out') world.conversations = demo(all);
  if (name === 'long') world.conversations = [long(all), ...demo(all)];
  if (name === 'many') world.conversations = many(all);
  return world;
}
