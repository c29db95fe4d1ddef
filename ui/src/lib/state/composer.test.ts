// The composer against the fake core: nothing typed is lost, and what was sent first is queued first.
import { FakeBackend } from '../backend/fake';
import { scenario } from '../backend/fake_world';
import { Composer } from './composer.svelte';

function open(draft = '') {
  const backend = new FakeBackend(scenario('demo'));
  return { backend, composer: new Composer(backend, 'atelier', draft) };
}

const texts = (backend: FakeBackend, type: string) =>
  backend.asked.flatMap((request) => (request.type === type && 'text' in request ? [request.text] : []));

const own = (backend: FakeBackend) =>
  backend.world.conversations.find((one) => one.id === 'atelier')!.items.findLast((item) => item.own)!;

test('messages sent in a row are queued in that order, though each answer takes its time', async () => {
  const { backend, composer } = open();
  backend.latency_ms = 5;
  const sent = ['one', 'two', 'three'].map((text) => {
    composer.text = text;
    return composer.send();
  });
  expect(composer.text).toBe('');
  await Promise.all(sent);
  expect(texts(backend, 'send')).toEqual(['one', 'two', 'three']);
});

test('a message that is not taken comes back into the composer with its reason', async () => {
  const { backend, composer } = open();
  backend.refuse.set('send', 'outbox_full');
  composer.text = 'precious';
  await composer.send();
  expect([composer.text, composer.failure]).toEqual(['precious', 'outbox_full']);
});

test('text typed while a message is being refused is kept behind it', async () => {
  const { backend, composer } = open();
  backend.latency_ms = 5;
  backend.refuse.set('send', 'disk_full');
  composer.text = 'first';
  const sent = composer.send();
  composer.text = 'second';
  await sent;
  expect(composer.text).toBe('first\nsecond');
});

test('an edit pushes the draft aside, and Escape brings it back', () => {
  const { backend, composer } = open('half a thought');
  composer.edit(own(backend));
  expect(composer.text).toBe('Wonderful, that was the last one!');
  composer.cancel();
  expect([composer.text, composer.editing]).toEqual(['half a thought', null]);
});

test('the changed text of a cancelled edit is there when the edit is taken up again', () => {
  const { backend, composer } = open();
  composer.edit(own(backend));
  composer.text = 'Wonderful!';
  composer.cancel();
  expect(composer.text).toBe('');
  composer.edit(own(backend));
  expect(composer.text).toBe('Wonderful!');
});

test('an edit never becomes the draft', async () => {
  const { backend, composer } = open('draft');
  composer.edit(own(backend));
  composer.text = 'changed';
  composer.save();
  await composer.send();
  expect(texts(backend, 'save_draft')).toEqual([]);
  expect(texts(backend, 'edit')).toEqual(['changed']);
  expect(composer.text).toBe('draft');
});

test('an unchanged edit asks for nothing', async () => {
  const { backend, composer } = open();
  composer.edit(own(backend));
  await composer.send();
  expect(texts(backend, 'edit')).toEqual([]);
});

test('a corrected refused message goes out as a new one before the old one is given up', async () => {
  const backend = new FakeBackend(scenario('demo'));
  const composer = new Composer(backend, 'tom', '');
  composer.edit(backend.world.conversations.find((one) => one.id === 'tom')!.items.at(-1)!);
  composer.text = 'shorter';
  await composer.send();
  expect(backend.asked.map((request) => request.type)).toEqual(['send', 'discard']);
});
