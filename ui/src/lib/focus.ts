/** The first element inside that one of the selectors names; the selectors are tried in their order, not the page's. */
export function firstOf(root: ParentNode, ...selectors: string[]): HTMLElement | null {
  for (const selector of selectors) {
    const found = root.querySelector<HTMLElement>(selector);
    if (found) return found;
  }
  return null;
}
