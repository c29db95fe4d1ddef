/** The keys that work everywhere in the window. `dialogs/KeySheet.svelte` lists them for people. */
import { tick } from 'svelte';
import { firstOf } from './focus';
import type { App } from './state/app.svelte';

export function keys(app: App, event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  if (app.dialog !== null || document.querySelector('dialog[open]')) return;
  const action = find(app, event);
  if (!action) return;
  event.preventDefault();
  action();
}

function find(app: App, event: KeyboardEvent): (() => void) | undefined {
  const command = (event.ctrlKey || event.metaKey) && !event.altKey;
  if (event.key === 'F6') return () => region(event.shiftKey ? -1 : 1);
  if (event.altKey && !event.ctrlKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
    return () => app.step(event.key === 'ArrowUp' ? -1 : 1, event.shiftKey);
  }
  if (event.key === 'Escape' && app.screen.narrow && app.open !== null) return () => app.close();
  if (!command) return undefined;
  switch (event.key.toLowerCase()) {
    case 'k':
      return () => (app.dialog = 'switcher');
    case 'n':
      return () => (app.dialog = 'new');
    case '/':
      return () => (app.dialog = 'keys');
    case 'f':
      return () => void search(app, event.shiftKey ? null : app.open);
    case 'j':
      return () => document.dispatchEvent(new CustomEvent('fil:latest'));
    default:
      return undefined;
  }
}

/** Shows the search box, for one conversation or for all, and puts the cursor there. */
export async function search(app: App, scope: string | null): Promise<void> {
  app.search.scope = scope;
  app.front = 'list';
  await tick();
  const input = document.querySelector<HTMLInputElement>('#search');
  input?.focus();
  input?.select();
}

/** Moves the focus to the next visible region: list, messages, composer. */
function region(step: 1 | -1): void {
  const all = [...document.querySelectorAll<HTMLElement>('[data-region]')].filter((one) => one.offsetParent !== null);
  const now = all.findIndex((one) => one.contains(document.activeElement));
  const next = all[(now + step + all.length) % all.length];
  if (next) firstOf(next, '[data-region-focus]', '[data-roving] [tabindex="0"]', '[data-roving] button', 'button')?.focus();
}
