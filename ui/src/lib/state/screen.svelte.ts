/** What the window says about itself: focused or not, narrow or not, and which day it is. */
export class Screen {
  #focused = $state(document.hasFocus());
  #narrow = $state(false);
  #today = $state(midnight(new Date()));

  /** Starts listening; the result ends that. */
  watch(): () => void {
    const focus = () => (this.#focused = document.hasFocus() && document.visibilityState === 'visible');
    const width = matchMedia('(width < 720px)');
    const resize = () => (this.#narrow = width.matches);
    let timer: ReturnType<typeof setTimeout>;
    // One timer a day: it wakes at midnight, so that "Today" becomes "Yesterday" without ticking.
    const tomorrow = () => {
      this.#today = midnight(new Date());
      timer = setTimeout(tomorrow, Math.min(this.#today + 86_400_000 - Date.now() + 1000, 3_600_000));
    };
    focus();
    resize();
    tomorrow();
    addEventListener('focus', focus);
    addEventListener('blur', focus);
    document.addEventListener('visibilitychange', focus);
    width.addEventListener('change', resize);
    return () => {
      removeEventListener('focus', focus);
      removeEventListener('blur', focus);
      document.removeEventListener('visibilitychange', focus);
      width.removeEventListener('change', resize);
      clearTimeout(timer);
    };
  }

  get focused(): boolean {
    return this.#focused;
  }

  /** Whether there is room for one pane only. */
  get narrow(): boolean {
    return this.#narrow;
  }

  /** The midnight with which this day began, local time. */
  get today(): number {
    return this.#today;
  }
}

/** The local midnight at or before a time. */
export function midnight(time: Date): number {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate()).getTime();
}
