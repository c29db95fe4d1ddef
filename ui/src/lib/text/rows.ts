/** Turns the items of a timeline into the rows on screen: where days begin, where an author's group begins. */
import type { TimelineItem } from '../bridge/TimelineItem';
import { midnight } from '../state/screen.svelte';

/** Messages of one author this close together share one name and one avatar. */
const GROUP_MS = 5 * 60_000;

export interface Row {
  key: string;
  item: TimelineItem;
  /** The day that begins with this row. */
  day: number | null;
  /** Whether "New messages" stands above. */
  line: boolean;
  /** Whether an author's group begins or ends with this row. */
  first: boolean;
  last: boolean;
}

/**
 * `whole`: whether the first item is the very first. If not, its day may have begun above, so it carries no day: a row that
 * changes its height when a page comes in above would move what a person reads.
 */
export function rows(items: readonly TimelineItem[], line: number | null, whole: boolean): Row[] {
  const made: Row[] = [];
  let drawn = false;
  for (const item of items) {
    const before = made.at(-1);
    const day = midnight(new Date(item.at_ms));
    const newDay = before === undefined ? whole : midnight(new Date(before.item.at_ms)) !== day;
    const newLine: boolean = !drawn && line !== null && (item.seq ?? Number.POSITIVE_INFINITY) >= line;
    drawn ||= newLine;
    const first = before === undefined || newDay || newLine || !together(before.item, item);
    if (before && first) before.last = true;
    made.push({ key: item.key, item, day: newDay ? day : null, line: newLine, first, last: false });
  }
  const end = made.at(-1);
  if (end) end.last = true;
  return made;
}

function together(a: TimelineItem, b: TimelineItem): boolean {
  const bubbles = isBubble(a) && isBubble(b);
  return bubbles && a.author.account === b.author.account && Math.abs(b.at_ms - a.at_ms) < GROUP_MS;
}

/** Messages, deleted or not, are bubbles; the other items are notices in the middle. */
export function isBubble(item: TimelineItem): boolean {
  return item.body.type === 'message' || item.body.type === 'deleted';
}
