// Times in words, in both languages, around midnight and across years.
import { overwriteGetLocale } from '$lib/paraglide/runtime';
import { midnight } from '../state/screen.svelte';
import { dayName, shortTime } from './time';

const TODAY = midnight(new Date(2026, 10, 21));
const cases: [string, Date, string, string, string, string][] = [
  ['this minute', new Date(2026, 10, 21, 14, 5), 'Today', '14:05', 'Aujourd’hui', '14:05'],
  ['a minute before midnight', new Date(2026, 10, 20, 23, 59), 'Yesterday', 'Yesterday', 'Hier', 'Hier'],
  ['this week', new Date(2026, 10, 18, 9, 0), 'Wednesday', 'Wed', 'Mercredi', 'mer.'],
  ['this year', new Date(2026, 9, 3, 9, 0), 'Saturday 3 October', '3 Oct', 'Samedi 3 octobre', '3 oct.'],
  ['last year', new Date(2025, 9, 3, 9, 0), '3 October 2025', '03/10/2025', '3 octobre 2025', '03/10/2025'],
];

for (const [name, date, dayEn, shortEn, dayFr, shortFr] of cases) {
  test(`${name} is named as people say it`, () => {
    overwriteGetLocale(() => 'en');
    expect([dayName(date.getTime(), TODAY, 'en-GB'), shortTime(date.getTime(), TODAY, 'en-GB')]).toEqual([dayEn, shortEn]);
    overwriteGetLocale(() => 'fr');
    expect([dayName(date.getTime(), TODAY, 'fr-FR'), shortTime(date.getTime(), TODAY, 'fr-FR')]).toEqual([dayFr, shortFr]);
  });
}
