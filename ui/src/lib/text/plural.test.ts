// Numbers in texts follow the plural rules of the language: French says "0 message non lu", English "0 unread messages".
import { m } from '$lib/paraglide/messages';

const cases: ['en' | 'fr', number, string][] = [
  ['en', 0, '0 unread messages'],
  ['en', 1, '1 unread message'],
  ['en', 2, '2 unread messages'],
  ['fr', 0, '0 message non lu'],
  ['fr', 1, '1 message non lu'],
  ['fr', 2, '2 messages non lus'],
  ['fr', 1_000_000, '1000000 messages non lus'],
];

test.each(cases)('%s: %i', (locale, count, text) => {
  expect(m.unread_count({ count }, { locale })).toBe(text);
});
