/** Items of a timeline in words: for notices, list rows and screen readers. */
import { m } from '$lib/paraglide/messages';
import type { ItemBody } from '../bridge/ItemBody';
import type { ItemState } from '../bridge/ItemState';
import type { Person } from '../bridge/Person';
import type { TimelineItem } from '../bridge/TimelineItem';
import { rejectText } from './failure';
import { fullTime } from './time';

/** What a body says, for a notice or a list row. */
export function bodyText(body: ItemBody, author: Person, own: boolean): string {
  const name = author.name;
  switch (body.type) {
    case 'message':
      return body.text;
    case 'deleted':
      return m.item_deleted();
    case 'created':
      return own ? m.item_created_own() : m.item_created({ name });
    case 'joined':
      if (body.person.account === author.account) return own ? m.item_joined_own() : m.item_joined({ name });
      return own ? m.item_added_own({ person: body.person.name }) : m.item_added({ name, person: body.person.name });
    case 'left':
      if (body.person.account === author.account) return own ? m.item_left_own() : m.item_left({ name });
      return own ? m.item_removed_own({ person: body.person.name }) : m.item_removed({ name, person: body.person.name });
    case 'title':
      return own ? m.item_title_own({ title: body.title }) : m.item_title({ name, title: body.title });
  }
}

export function stateText(state: ItemState): string {
  switch (state.type) {
    case 'queued':
      return m.state_queued();
    case 'sent':
      return m.state_sent();
    case 'rejected':
      return m.state_rejected({ why: rejectText(state.reason) });
  }
}

/** The label of a message: author, text, time, state. */
export function messageLabel(item: TimelineItem, region: string): string {
  const name = item.own ? m.you() : item.author.name;
  const text = bodyText(item.body, item.author, item.own);
  const parts = [name, text, fullTime(item.at_ms, region)];
  if (item.body.type === 'message' && item.body.edited) parts.push(m.edited());
  if (item.own && item.body.type === 'message') parts.push(stateText(item.state));
  return parts.join(', ');
}
