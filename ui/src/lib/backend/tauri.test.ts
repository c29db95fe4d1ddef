import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Request } from '../bridge/Request';
import { TauriBackend } from './tauri';

/** What the shell was asked, each with the way to answer it. */
const asked: { request: Request; answer: () => void; refuse: () => void }[] = [];

vi.mock('@tauri-apps/api/event', () => ({ listen: () => Promise.resolve(() => undefined) }));
vi.mock('@tauri-apps/api/core', () => ({
  invoke: (_command: string, { request }: { request: Request }) =>
    new Promise((resolve, reject) => {
      const refuse = () => reject({ kind: 'conflict', detail: 'refused' });
      asked.push({ request, answer: () => resolve({ type: 'done' }), refuse });
    })
}));

const conversation = '00000000-0000-7000-8000-000000000001';
const send = (text: string): Request => ({ type: 'send', conversation, text });
const texts = () => asked.map(({ request }) => ('text' in request ? request.text : request.type));
const settled = () => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  asked.length = 0;
});

describe('the desktop shell', () => {
  it('is asked for changes one after the other, whatever becomes of each', async () => {
    const backend = await TauriBackend.listen();
    const answers = ['one', 'two', 'three'].map((text) => backend.request(send(text)));
    await settled();
    expect(texts()).toEqual(['one']);
    asked[0]?.refuse();
    await expect(answers[0]).rejects.toThrow('refused');
    await settled();
    expect(texts()).toEqual(['one', 'two']);
    asked[1]?.answer();
    await answers[1];
    await settled();
    expect(texts()).toEqual(['one', 'two', 'three']);
  });

  it('answers what only reads without waiting for a change', async () => {
    const backend = await TauriBackend.listen();
    void backend.request(send('slow'));
    void backend.request({ type: 'conversations' });
    await settled();
    expect(texts()).toContain('conversations');
  });
});
