/** One text per kind of failure, problem and refusal. */
import { m } from '$lib/paraglide/messages';
import type { FailureKind } from '../bridge/FailureKind';
import type { Problem } from '../bridge/Problem';
import type { RejectReason } from '../bridge/RejectReason';

const FAILURES: Record<FailureKind, () => string> = {
  signed_out: m.failure_signed_out,
  offline: m.failure_offline,
  wrong_credentials: m.failure_wrong_credentials,
  invite_invalid: m.failure_invite_invalid,
  not_a_server: m.failure_not_a_server,
  rate_limited: m.failure_rate_limited,
  invalid: m.failure_invalid,
  not_found: m.failure_not_found,
  forbidden: m.failure_forbidden,
  outbox_full: m.failure_outbox_full,
  unsent: m.failure_unsent,
  disk_full: m.failure_disk_full,
  locked: m.failure_locked,
  newer_profile: m.failure_newer_profile,
  damaged_profile: m.failure_damaged_profile,
  update_needed: m.failure_update_needed,
  internal: m.failure_internal,
};

const PROBLEMS: Record<Problem, () => string> = {
  signed_out: m.problem_signed_out,
  account_disabled: m.problem_account_disabled,
  update_app: m.problem_update_app,
  update_server: m.problem_update_server,
  disk_full: m.problem_disk_full,
  cache_rebuilt: m.problem_cache_rebuilt,
  outbox_stuck: m.problem_outbox_stuck,
  sync_problem: m.problem_sync_problem,
};

const REJECTIONS: Record<RejectReason, () => string> = {
  not_found: m.reject_not_found,
  forbidden: m.reject_forbidden,
  too_large: m.reject_too_large,
  invalid: m.reject_invalid,
  unsupported: m.reject_unsupported,
};

export const failureText = (kind: FailureKind): string => FAILURES[kind]();
export const problemText = (problem: Problem): string => PROBLEMS[problem]();
export const rejectText = (reason: RejectReason): string => REJECTIONS[reason]();

export function revertedText(title: string | undefined, reason: RejectReason): string {
  const why = rejectText(reason);
  return title === undefined ? m.reverted({ why }) : m.reverted_in({ title, why });
}
