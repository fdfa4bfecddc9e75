/** A model that is trained on a server of the Tinker protocol: an adapter on a base that the server has.
 *
 *  What was done since the last checkpoint is remembered. When the server loses the model (it started anew, or closed the
 *  session), or does not answer a call that changes it, the model is opened again, taken back to the last checkpoint, and
 *  brought to where it was by doing the same again. */
import { z } from 'zod';
import { TargetError } from '../../base/errors.js';
import type { TinkerCall, TinkerConnection } from './connection.js';
import { LostModelError } from './lostModel.js';

/** Tokens that are read, and for each the one that is to come next. */
export interface TinkerDatum {
  readonly inputs: readonly number[];
  readonly targets: readonly number[];
}

/** A datum with what is to be learnt of it: by position, the log-probabilities as they are, and minus the derivative of the
 *  loss. */
export interface TinkerLesson extends TinkerDatum {
  readonly logProbs: readonly number[];
  readonly advantages: readonly number[];
}

export interface AdamParams {
  readonly learning_rate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly weight_decay: number;
  /** 0 is off. */
  readonly grad_clip_norm: number;
}

export interface TinkerModel {
  /** log p of each target, nats. @throws TargetError for an answer of another form */
  readonly forward: (data: readonly TinkerDatum[]) => Promise<readonly (readonly number[])[]>;
  /** One optimizer step. Returns the norm of the gradient before it was clipped; null where the server does not say. */
  readonly train: (
    lessons: readonly TinkerLesson[],
    adam: AdamParams,
  ) => Promise<{ readonly gradientNorm: number | null }>;
  /** Saves weights and optimizer on the server. Returns the address. */
  readonly save: (name: string) => Promise<string>;
  /** Goes back to saved weights and optimizer. */
  readonly load: (address: string) => Promise<void>;
  /** The adapter as it is, a tar.gz in PEFT's layout. */
  readonly adapter: (name: string) => Promise<Uint8Array>;
  /** Frees it on the server. */
  readonly close: () => Promise<void>;
}

export interface TinkerModelOptions {
  /** The base's name on the server. */
  readonly baseModel: string;
  readonly rank: number;
  /** Seed of the adapter's first values. */
  readonly seed: number;
  readonly note: (text: string) => void;
}

interface Lesson {
  readonly lessons: readonly TinkerLesson[];
  readonly adam: AdamParams;
}

/** Times that a model is opened again for one call. */
const mostReopened = 3;
const heartbeatMs = 30_000;

const session = z.looseObject({ session_id: z.string().min(1) });
const created = z.looseObject({ model_id: z.string().min(1) });
const saved = z.looseObject({ path: z.string().min(1) });
const anything = z.looseObject({});
const passed = z.looseObject({
  loss_fn_outputs: z.array(z.looseObject({ logprobs: z.looseObject({ data: z.array(z.number()) }) })),
});
const stepped = z.looseObject({ metrics: z.record(z.string(), z.number().nullable()).nullish() });

export async function openTinkerModel(connection: TinkerConnection, options: TinkerModelOptions): Promise<TinkerModel> {
  const { baseModel, rank, seed, note } = options;
  let model = '';
  let sequence = 0;
  let heart: NodeJS.Timeout | undefined;
  /** The last checkpoint, and what was done since. */
  let restart: string | null = null;
  let since: Lesson[] = [];
  let number = 0;

  const call = <T>(
    path: string,
    body: Readonly<Record<string, unknown>>,
    schema: z.ZodType<T>,
    more: Pick<TinkerCall<T>, 'changes' | 'tokens'> = {},
  ): Promise<T> =>
    connection.ask({ path, body: { model_id: model, seq_id: ++sequence, ...body }, schema, onModel: true, ...more });

  const open = async (): Promise<void> => {
    clearInterval(heart);
    // Where only an answer was lost, the former model is there still.
    if (model !== '')
      connection.ask({ path: 'unload_model', body: { model_id: model }, schema: anything }).catch(() => undefined);
    const { session_id: id } = await connection.ask({
      path: 'create_session',
      body: { tags: ['gadfly'], user_metadata: {}, sdk_version: '0.24.1' },
      schema: session,
    });
    // A beat that is missed is found out by the next call.
    heart = setInterval(() => {
      connection.ask({ path: 'session_heartbeat', body: { session_id: id }, schema: anything }).catch(() => undefined);
    }, heartbeatMs).unref();
    const made = await connection.ask({
      path: 'create_model',
      body: {
        session_id: id,
        model_seq_id: 0,
        base_model: baseModel, // An adapter on the vocabulary head could not be worn here.
        lora_config: { rank, seed, train_unembed: false },
      },
      schema: created,
    });
    model = made.model_id;
    sequence = 0;
  };

  const goBack = (address: string): Promise<unknown> =>
    call('load_weights', { path: address, optimizer: true }, anything, { changes: true });

  const learn = async ({ lessons, adam }: Lesson): Promise<{ readonly gradientNorm: number | null }> => {
    const input = {
      loss_fn: 'importance_sampling',
      data: lessons.map(({ logProbs, advantages, ...datum }) =>
        datumBody(datum, { logprobs: floats(logProbs), advantages: floats(advantages) }),
      ),
    };
    const tokens = { train: tokensIn(lessons) };
    await call('forward_backward', { forward_backward_input: input }, anything, { changes: true, tokens });
    const { metrics } = await call('optim_step', { adam_params: adam }, stepped, { changes: true });
    const norm = Object.entries(metrics ?? {}).find(([name]) => /(^|[/_])grad(ient)?_norm(:\w+)?$/.test(name))?.[1];
    return { gradientNorm: norm ?? null };
  };

  /** Does what may find the model lost; then opens it again, brings it to where it was, and does it again. */
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    for (let reopened = 0; ; reopened++) {
      try {
        if (reopened > 0) {
          await open();
          if (restart !== null) await goBack(restart);
          for (const lesson of since) await learn(lesson);
        }
        return await work();
      } catch (error) {
        if (!(error instanceof LostModelError)) throw error;
        if (reopened >= mostReopened) throw error.error;
        note(
          `the trainer lost the model (${error.message.split('\n')[0] ?? ''}); it is opened again from its last checkpoint, and ${String(since.length)} steps are done again`,
        );
      }
    }
  };

  await open();
  return {
    forward: (data) =>
      guarded(async () => {
        const input = {
          loss_fn: 'cross_entropy',
          data: data.map((datum) => datumBody(datum, { weights: floats(datum.targets.map(() => 1)) })),
        };
        const { loss_fn_outputs: outputs } = await call('forward', { forward_input: input }, passed, {
          tokens: { forward: tokensIn(data) },
        });
        return data.map(({ targets }, i) => {
          const list = outputs[i]?.logprobs.data ?? [];
          // Some servers give a number for padding as well.
          if (list.length >= targets.length) return list.slice(0, targets.length);
          throw notAllRead(connection.where, targets.length, list.length);
        });
      }),
    train: async (lessons, adam) => {
      const lesson = { lessons, adam };
      const report = await guarded(() => learn(lesson));
      since.push(lesson);
      return report;
    },
    save: async (name) => {
      const { path } = await guarded(() => call('save_weights', { path: name, overwrite: true }, saved));
      restart = path;
      since = [];
      return path;
    },
    load: async (address) => {
      await guarded(() => goBack(address));
      restart = address;
      since = [];
    },
    adapter: async (name) => {
      const { path } = await guarded(() =>
        call('save_weights_for_sampler', { path: `${name}-${String(number++)}` }, saved),
      );
      return connection.archive(path);
    },
    close: async () => {
      clearInterval(heart);
      // A server that cannot or need not free it has done no harm to the run.
      await call('unload_model', {}, anything).catch(() => undefined);
    },
  };
}

function datumBody({ inputs, targets }: TinkerDatum, values: Readonly<Record<string, unknown>>): object {
  return {
    model_input: { chunks: [{ type: 'encoded_text', tokens: inputs }] },
    loss_fn_inputs: { target_tokens: { data: targets, dtype: 'int64', shape: [targets.length] }, ...values },
  };
}

function floats(data: readonly number[]): object {
  return { data, dtype: 'float32', shape: [data.length] };
}

function tokensIn(data: readonly TinkerDatum[]): number {
  return data.reduce((sum, { inputs }) => sum + inputs.length, 0);
}

function notAllRead(where: string, expected: number, got: number): TargetError {
  return new TargetError('an answer of another form', {
    where: `${where}/forward`,
    expected: `${String(expected)} log-probabilities`,
    got: String(got),
    remedy: 'Check that the server speaks the Tinker protocol at this address.',
  });
}
