/** Answers that hold no text to read. They are results, not errors: the run goes on, and what was not said is counted
 *  as not scored. */
import type { NoReply, NoReplyCause } from './types.js';

const reasons: Readonly<Record<NoReplyCause, string>> = {
  reasoningLimit: 'no reply: the token limit was spent on reasoning',
  reasoningOnly: 'no reply: reasoning alone',
  emptyAtLimit: 'no reply: the token limit was reached without a text',
  contentFilter: 'no reply: the provider’s content filter withheld it',
  toolCall: 'no reply: a call of a tool in its place',
  refusal: 'no reply: the refusal field in its place',
  empty: 'no reply: an empty answer',
  form: 'no reply: a content that is neither text nor parts of text',
  promptContent: 'no reply: the server refused this prompt for its content',
  promptLength: 'no reply: the server refused this prompt for its length',
};

export function noReply(cause: NoReplyCause): NoReply {
  return { kind: 'noReply', cause, reason: reasons[cause] };
}
