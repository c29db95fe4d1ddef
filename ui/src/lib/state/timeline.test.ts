// What is on screen of a timeline while pages come in above and updates below, against the fake core.
import { FakeBackend } from '../backend/fake';
import { scenario } from '../backend/fake_world';
import { TimelineView } from './timeline.svelte';

async function open(conversation = 'long') {
  const backend = new FakeBackend(scenario('long'));
  const timeline = new TimelineView(backend, conversation);
  await timeline.read();
  return { backend, timeline };
}

const numbers = (timeline: TimelineView) => timeline.items.map((item) => item.seq);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);

test('it opens a little before the first unread message and draws the line there', async () => {
  const { timeline } = await open();
  expect(timeline.line).toBe(1961);
  expect(timeline.items[0]!.seq).toBeLessThan(1961);
  expect(timeline.items.at(-1)!.seq).toBe(2000);
});

test('pages above and a rereading at the same time leave no hole and no double', async () => {
  const { backend, timeline } = await open();
  backend.latency_ms = 5;
  const page = timeline.loadOlder();
  backend.receive('long', 'nadia', 'meanwhile');
  await Promise.all([page, timeline.read()]);
  expect(numbers(timeline)).toEqual(range(timeline.items[0]!.seq!, 2001));
  await timeline.read();
  expect(numbers(timeline)).toEqual(range(timeline.items[0]!.seq!, 2001));
});

test('older items that only the server has wait for the connection and a new try', async () => {
  const { backend, timeline } = await open();
  backend.goOffline();
  for (let page = 0; page < 10; page++) await timeline.loadOlder();
  expect([timeline.olderPhase, timeline.olderFailure]).toEqual(['failed', 'offline']);
  await timeline.loadOlder();
  backend.goOnline();
  await timeline.retryOlder();
  expect(timeline.olderPhase).toBe('idle');
});

test('a search hit far above is reached page by page', async () => {
  const { timeline } = await open();
  expect(await timeline.reach(40)).toBeNull();
  expect(timeline.items.find((item) => item.key === timeline.target)?.seq).toBe(40);
  expect(numbers(timeline)).toEqual(range(timeline.items[0]!.seq!, 2000));
});

test('the line stays when everything is read, and moves when something comes after that', async () => {
  const { backend, timeline } = await open();
  await timeline.markRead();
  await timeline.read();
  expect([timeline.unread, timeline.line]).toEqual([0, 1961]);
  backend.receive('long', 'nadia', 'later');
  await timeline.read();
  expect([timeline.unread, timeline.line]).toEqual([1, 2001]);
});

test('reading is told once per end, and again after a refusal', async () => {
  const { backend, timeline } = await open();
  const marks = () => backend.asked.filter((request) => request.type === 'mark_read').length;
  backend.refuse.set('mark_read', 'internal');
  await timeline.markRead();
  await timeline.markRead();
  await timeline.markRead();
  expect(marks()).toBe(2);
});

test('what comes while the person watches the end draws no line', async () => {
  const { backend, timeline } = await open('jonas');
  timeline.watched = true;
  backend.receive('jonas', 'jonas', 'before your eyes');
  await timeline.read();
  expect([timeline.unread, timeline.line]).toEqual([1, null]);
});
