// How a timeline is cut into days, author groups and the "New messages" line: cases as data, drawn as text.
import type { TimelineItem } from '../bridge/TimelineItem';
import { rows } from './rows';

const at = (day: number, time: string) => new Date(`2026-11-${day}T${time}:00`).getTime();

function item(seq: number | null, handle: string, at_ms: number, body: TimelineItem['body'] | null = null): TimelineItem {
  return {
    key: `k${seq ?? 'x'}`,
    seq,
    at_ms,
    composed_at_ms: null,
    author: { account: handle, handle, name: handle },
    own: false,
    body: body ?? { type: 'message', id: `m${seq}`, text: `text ${seq}`, edited: false },
    state: { type: seq === null ? 'queued' : 'sent' },
    may_edit: false,
    may_delete: false,
  };
}

/** One line per row: `day`, `line`, then the author with `(` where a group begins and `)` where it ends. */
const draw = (items: TimelineItem[], line: number | null, whole = true) =>
  rows(items, line, whole)
    .map((row) => {
      const marks = [row.day === null ? '' : 'day ', row.line ? 'line ' : ''].join('');
      return `${marks}${row.first ? '(' : ''}${row.item.author.handle}${row.last ? ')' : ''}`;
    })
    .join('\n');

test('messages of one author within five minutes form one group', () => {
  const items = [item(1, 'a', at(20, '10:00')), item(2, 'a', at(20, '10:04')), item(3, 'a', at(20, '10:09')), item(4, 'b', at(20, '10:09'))];
  expect(draw(items, null)).toBe('day (a\na)\n(a)\n(b)');
});

test('a day begins with its first item, in local time', () => {
  expect(draw([item(1, 'a', at(20, '23:59')), item(2, 'a', at(21, '00:01'))], null)).toBe('day (a)\nday (a)');
});

test('the day of the first item is not told while there may be more of it above', () => {
  expect(draw([item(8, 'a', at(20, '23:59')), item(9, 'a', at(21, '00:01'))], null, false)).toBe('(a)\nday (a)');
});

test('the line stands once, above the first item from its number on, and cuts a group', () => {
  const items = [item(1, 'a', at(20, '10:00')), item(2, 'a', at(20, '10:01')), item(3, 'a', at(20, '10:02'))];
  expect(draw(items, 2)).toBe('day (a)\nline (a\na)');
});

test('the line finds its place where its own number has no item', () => {
  const items = [item(1, 'a', at(20, '10:00')), item(5, 'b', at(20, '10:01'))];
  expect(draw(items, 3)).toBe('day (a)\nline (b)');
});

test('what is not sent yet belongs to the end and carries no number', () => {
  expect(draw([item(1, 'a', at(20, '10:00')), item(null, 'a', at(20, '10:01'))], null)).toBe('day (a\na)');
});

test('a notice belongs to no group', () => {
  const items = [item(1, 'a', at(20, '10:00')), item(2, 'a', at(20, '10:01'), { type: 'title', title: 'x' }), item(3, 'a', at(20, '10:02'))];
  expect(draw(items, null)).toBe('day (a)\n(a)\n(a)');
});
