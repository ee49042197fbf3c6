// How this browser likes to see the page.

import { isFlag, load, save } from '../lib/keep';

export type Theme = 'auto' | 'light' | 'dark';

const isTheme = (v: unknown): v is Theme => v === 'auto' || v === 'light' || v === 'dark';

class Prefs {
  theme = $state<Theme>(load('theme', isTheme, 'auto'));
  /** On a narrow screen the fields would push the rows away: there they come on request. */
  sidebar = $state(!matchMedia('(max-width: 760px)').matches && load('sidebar', isFlag, true));
  wrap = $state(load('wrap', isFlag, false));

  /** cycleTheme goes through following the system, light and dark. */
  cycleTheme(): void {
    const next: Record<Theme, Theme> = { auto: 'light', light: 'dark', dark: 'auto' };
    this.theme = next[this.theme];
    save('theme', this.theme);
    applyTheme();
  }

  toggleSidebar(): void {
    this.sidebar = !this.sidebar;
    save('sidebar', this.sidebar);
  }

  toggleWrap(): void {
    this.wrap = !this.wrap;
    save('wrap', this.wrap);
  }
}

export const prefs = new Prefs();

/** applyTheme tells the style sheet; it runs before the first paint. */
export function applyTheme(): void {
  document.documentElement.dataset.theme = prefs.theme;
}
