/** The requests of this page. They state what is wanted, so that each may be sent again. */
import type { ChoiceRequest, NextRequest, TaskFacts, UndoRequest, View } from '../../src/server/labels/protocol.js';
import { ask, jsonBody } from '../shared/ask.js';

/** The request that leads to a view: kept until it is answered. */
export type ViewRequest =
  | { readonly path: '/api/next'; readonly body: NextRequest }
  | { readonly path: '/api/choices'; readonly body: ChoiceRequest }
  | { readonly path: '/api/undo'; readonly body: UndoRequest };

export function askTask(): Promise<TaskFacts> {
  return ask<TaskFacts>('/api/task', {});
}

export function askView({ path, body }: ViewRequest): Promise<View> {
  return ask<View>(path, jsonBody(body));
}
