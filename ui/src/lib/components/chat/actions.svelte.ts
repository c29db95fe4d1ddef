import { createContext } from 'svelte';
import type { TimelineItem } from '$lib/bridge/TimelineItem';
import { m } from '$lib/paraglide/messages';
import type { App } from '$lib/state/app.svelte';
import type { Composer } from '$lib/state/composer.svelte';
import type { MenuItem, Point } from '../parts/menu';

/** What can be done with a message: the toolbar, the menu and the buttons of a refused one offer the same. */
export class MessageActions {
  #menu = $state.raw<{ item: TimelineItem; at: Point } | null>(null);
  #doomed = $state.raw<TimelineItem | null>(null);

  constructor(
    private readonly app: App,
    private readonly composer: Composer,
  ) {}

  /** The message whose menu is open. */
  get menu() {
    return this.#menu;
  }

  /** The message about whose deletion a person is asked. */
  get doomed(): TimelineItem | null {
    return this.#doomed;
  }

  of(item: TimelineItem): MenuItem[] {
    const { body, state } = item;
    if (body.type !== 'message') return [];
    const rejected = state.type === 'rejected';
    const actions: MenuItem[] = [];
    if (rejected) actions.push({ icon: 'retry', text: m.action_retry(), run: () => void this.app.change('retry', body.id) });
    if (rejected || item.may_edit) actions.push({ icon: 'edit', text: m.action_edit(), run: () => this.edit(item) });
    actions.push({ icon: 'copy', text: m.action_copy(), run: () => void this.copy(body.text) });
    if (rejected || item.may_delete) {
      actions.push({ icon: 'trash', text: m.action_delete(), danger: true, run: () => (this.#doomed = item) });
    }
    return actions;
  }

  openAt(item: TimelineItem, at: Point): void {
    if (this.of(item).length > 0) this.#menu = { item, at };
  }

  openBeside(item: TimelineItem, element: HTMLElement): void {
    const box = (element.querySelector('.bubble') ?? element).getBoundingClientRect();
    this.openAt(item, { x: box.left, y: Math.min(box.bottom, innerHeight / 2 + box.height) });
  }

  closeMenu(): void {
    this.#menu = null;
  }

  edit(item: TimelineItem): void {
    this.composer.edit(item);
    document.querySelector<HTMLElement>('[data-composer]')?.focus();
  }

  async copy(text: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
      this.app.notices.show(m.copied());
    } catch {
      this.app.notices.show(m.copy_failed());
    }
  }

  confirmDelete(): void {
    const item = this.#doomed;
    if (item?.body.type !== 'message') return;
    void this.app.change(item.state.type === 'rejected' ? 'discard' : 'delete', item.body.id);
  }

  spare(): void {
    this.#doomed = null;
  }
}

export const [getActions, setActions] = createContext<MessageActions>();
