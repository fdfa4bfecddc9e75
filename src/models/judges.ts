/** Opens the judges of a recipe: each is opened once, and judges that are one model share its weights. */
import { oncePerKey } from '../base/once.js';
import { countJudge, type CountedJudge } from '../dialogue/countedJudge.js';
import type { Judge } from '../dialogue/types.js';
import type { Recipe } from '../recipe/recipe.js';
import { judgeFolder } from '../runs/runFolders.js';
import { openJudge } from '../speakers/judges/all.js';
import type { JudgeSpec } from '../speakers/judges/judgeKind.js';
import type { JudgeOptions } from '../speakers/judges/options.js';
import { sharedJudge } from './castOrigins.js';
import type { ModelSource } from './modelSource.js';
import { judgeRequests, type RequestOptions } from './remoteSpeakers.js';
import type { Targets } from './targets.js';

export interface JudgesOptions {
  readonly recipe: Recipe;
  readonly source: ModelSource;
  readonly targets: Pick<Targets, 'localTarget'>;
  readonly requests: RequestOptions;
  readonly cacheDir: string | null;
  readonly offline: boolean;
  /** Judges that the calling program supplies, by the name that the recipe uses for them. */
  readonly given: Readonly<Record<string, Judge>>;
}

export function openJudges(options: JudgesOptions): (wanted: JudgeOptions) => Promise<Judge> {
  const { recipe, source, targets, requests, cacheDir, offline, given } = options;
  const { runFolder } = requests;
  const openModel = oncePerKey(
    (modelId: string) =>
      modelId === recipe.target.model
        ? targets.localTarget().then(({ model }) => model)
        : source.openModel(modelId, { trainable: false, name: modelId }),
    String,
  );
  const open = (spec: JudgeSpec, beforeRequest: () => void): Promise<Judge> =>
    openJudge(spec, {
      device: source.device,
      cacheDir,
      offline,
      locate: source.locate,
      ...(runFolder === null ? {} : { stageJudge: (stage) => judgeFolder(runFolder, stage) }),
      openModel,
      requests: judgeRequests({ ...requests, beforeRequest }),
    });
  const counted = oncePerKey(
    async (spec: JudgeSpec): Promise<Judge> => {
      let judge: CountedJudge | null = null;
      const beforeRequest = (): void => {
        judge?.noteTokens();
        requests.beforeRequest();
      };
      const own = given[spec.model];
      judge = countJudge(
        own === undefined ? await open(spec, beforeRequest) : withThreshold(own, spec.threshold),
        requests.spending,
      );
      return own === undefined ? sharedJudge(judge, spec, source.locate) : judge;
    },
    (spec) => JSON.stringify(spec),
  );
  return ({ maxUnscored: _, ...spec }) => counted(spec);
}

/** A program's judge with the recipe's threshold, where the recipe gives one. */
function withThreshold(judge: Judge, threshold: number = judge.threshold): Judge {
  if (threshold === judge.threshold) return judge;
  return {
    ...judge,
    threshold,
    judge: async (items) =>
      (await judge.judge(items)).map((verdict) =>
        verdict.kind === 'scored' ? { ...verdict, failed: verdict.harm > threshold } : verdict,
      ),
  };
}
