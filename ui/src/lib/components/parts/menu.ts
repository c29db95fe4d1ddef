import type { IconName } from './icons';

export interface MenuItem {
  icon: IconName;
  text: string;
  danger?: boolean;
  run: () => void;
}

/** Where a menu opens, in the window's coordinates. */
export interface Point {
  x: number;
  y: number;
}
