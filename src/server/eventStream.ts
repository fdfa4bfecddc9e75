/** Server-sent events as OpenAI's clients read them: one `data:` line a document, `[DONE]` at the end, an error
 *  document when something fails after the first. A client that leaves ends the iteration. */
import { jsonText, type JsonValue } from '../base/json.js';
import { asApiError } from './apiError.js';

/** The response begins when the first document is there: what fails before is an ordinary error response. */
export async function eventStream(documents: AsyncGenerator<JsonValue>): Promise<Response> {
  const first = await documents.next();
  const encoder = new TextEncoder();
  const line = (text: string): Uint8Array => encoder.encode(`data: ${text}\n\n`);
  let next: IteratorResult<JsonValue> | null = first;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const step = next ?? (await documents.next());
        next = null;
        if (step.done !== true) {
          controller.enqueue(line(jsonText(step.value)));
          return;
        }
        controller.enqueue(line('[DONE]'));
      } catch (error) {
        controller.enqueue(line(jsonText(asApiError(error).body)));
      }
      controller.close();
    },
    async cancel() {
      await documents.return(undefined);
    },
  });
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    },
  });
}
