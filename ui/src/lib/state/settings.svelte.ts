import type { Locale } from '$lib/paraglide/runtime';

export type Theme = 'system' | 'light' | 'dark';

const THEMES: readonly Theme[] = ['system', 'light', 'dark'];
const LOCALES: readonly Locale[] = ['en', 'fr'];

/** What a person chose for this app on this machine: language and theme. Kept in the web view's storage. */
export class Settings {
  #theme = $state<Theme>('system');
  #locale = $state<Locale>('en');

  constructor(
    private readonly storage: Pick<Storage, 'getItem' | 'setItem'>,
    private readonly languages: readonly string[],
  ) {
    this.#theme = THEMES.find((theme) => theme === storage.getItem('theme')) ?? 'system';
    this.#locale = LOCALES.find((locale) => locale === storage.getItem('locale')) ?? this.#spoken();
  }

  get theme(): Theme {
    return this.#theme;
  }

  set theme(theme: Theme) {
    this.#theme = theme;
    this.storage.setItem('theme', theme);
  }

  get locale(): Locale {
    return this.#locale;
  }

  set locale(locale: Locale) {
    this.#locale = locale;
    this.storage.setItem('locale', locale);
  }

  /** The language with the region that the system names for it, so that dates and hours are as people know them. */
  get region(): string {
    return this.languages.find((language) => language.startsWith(this.#locale)) ?? this.#locale;
  }

  /** The address typed at the last sign-in, to spare typing it again. */
  get server(): string {
    return this.storage.getItem('server') ?? '';
  }

  set server(server: string) {
    this.storage.setItem('server', server);
  }

  #spoken(): Locale {
    for (const language of this.languages) {
      const known = LOCALES.find((locale) => language.startsWith(locale));
      if (known) return known;
    }
    return 'en';
  }
}
