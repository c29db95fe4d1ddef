/** Times as people read them: in their language, their region's hours, their time zone. */
import { m } from '$lib/paraglide/messages';
import { midnight } from '../state/screen.svelte';

const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

function format(region: string, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${region} ${name}`;
  let made = formats.get(key);
  if (!made) formats.set(key, (made = new Intl.DateTimeFormat(region, options)));
  return made;
}

/** "14:05" */
export function clockTime(at_ms: number, region: string): string {
  return format(region, 'clock', { hour: 'numeric', minute: '2-digit' }).format(at_ms);
}

/** "Saturday, 21 November 2026 at 14:05" */
export function fullTime(at_ms: number, region: string): string {
  return format(region, 'full', { dateStyle: 'full', timeStyle: 'short' }).format(at_ms);
}

/** "Today", "Yesterday", "Thursday", "3 October", "3 October 2025": the line between two days. */
export function dayName(at_ms: number, today: number, region: string): string {
  const day = midnight(new Date(at_ms));
  const ago = Math.round((today - day) / DAY_MS);
  if (ago === 0) return m.today();
  if (ago === 1) return m.yesterday();
  if (ago > 1 && ago < 7) return capital(format(region, 'weekday', { weekday: 'long' }).format(at_ms), region);
  const sameYear = new Date(at_ms).getFullYear() === new Date(today).getFullYear();
  return sameYear
    ? capital(format(region, 'day', { weekday: 'long', day: 'numeric', month: 'long' }).format(at_ms), region)
    : format(region, 'year', { day: 'numeric', month: 'long', year: 'numeric' }).format(at_ms);
}

/** "14:05", "Yesterday", "Thu", "3 Oct", "03/10/2025": the end of a row in the list. */
export function shortTime(at_ms: number, today: number, region: string): string {
  const day = midnight(new Date(at_ms));
  const ago = Math.round((today - day) / DAY_MS);
  if (ago <= 0) return clockTime(at_ms, region);
  if (ago === 1) return m.yesterday();
  if (ago < 7) return format(region, 'short weekday', { weekday: 'short' }).format(at_ms);
  const sameYear = new Date(at_ms).getFullYear() === new Date(today).getFullYear();
  return sameYear
    ? format(region, 'short day', { day: 'numeric', month: 'short' }).format(at_ms)
    : format(region, 'short year', { dateStyle: 'short' }).format(at_ms);
}

function capital(text: string, region: string): string {
  return text.charAt(0).toLocaleUpperCase(region) + text.slice(1);
}
