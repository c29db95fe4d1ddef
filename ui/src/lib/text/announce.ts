import { m } from '$lib/paraglide/messages';
import type { TimelineItem } from '../bridge/TimelineItem';
import type { App } from '../state/app.svelte';

/** Messages that come faster than this are told as a number. */
const MERGED_MS = 700;

/** Tells a screen reader what others write in the conversation on screen. */
export class Announcer {
  #heard: TimelineItem[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly app: App) {}

  /** Everything after the item with this key is new. */
  heard(items: readonly TimelineItem[], known: string | undefined): void {
    const since = items.findLastIndex((item) => item.key === known);
    const fresh = items.slice(since + 1).filter((item) => !item.own && item.body.type === 'message');
    if (since === -1 || fresh.length === 0) return;
    this.#heard.push(...fresh);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), MERGED_MS);
  }

  #tell(): void {
    const [first, ...more] = this.#heard;
    this.#heard = [];
    if (first?.body.type !== 'message') return;
    const text =
      more.length > 0
        ? m.announce_many({ count: more.length + 1 })
        : m.announce_message({ name: first.author.name, text: first.body.text });
    this.app.notices.speak(text);
  }
}
