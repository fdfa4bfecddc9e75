/** Gadfly as a library: models, judges, rollouts, attacks, runs. What is not exported here may change without notice.
 */

// Errors, seeds
export {
  BudgetError,
  ConfigError,
  EnvironmentError,
  FormatError,
  GadflyError,
  InterruptedError,
  JudgeError,
  ShapeError,
  TargetError,
  WaitingError,
} from './base/errors.js';
export { childKey, openStream, streamKey, type RandomStream, type StreamKey } from './base/random.js';

// Language models
export { openDevice, type Device, type DeviceOptions, type HostTensor } from './engine/runtime/device.js';
export { resolveModel, type ResolvedModel, type ResolveOptions } from './engine/models/checkpoints/resolveModel.js';
export {
  copyLanguageModel,
  createLanguageModel,
  openLanguageModel,
  saveLanguageModel,
  type LanguageModel,
  type OpenOptions,
} from './engine/models/languageModel.js';
export { cutVocabulary, extendVocabulary } from './engine/models/vocabulary.js';
export { adaptLanguageModel } from './engine/models/languageModel.js';
export { generate, type Generated, type GenerateRequest, type GenerationOptions } from './engine/models/generate.js';
export { scoreCompletions, type ScoringOptions } from './engine/models/scoreCompletions.js';
export type { Sequence } from './engine/models/packSequences.js';

// Classifiers and embeddings, on encoders and on language models
export {
  adaptSequenceClassifier,
  classify,
  headSequenceClassifier,
  openSequenceClassifier,
  saveSequenceClassifier,
  type NewHeadOptions,
  type SequenceClassifier,
} from './engine/models/sequenceClassifier.js';
export { loadEmbedder, openEmbedder, type Embedder } from './engine/models/embedder.js';
export { encodePieces } from './engine/text/pieces.js';

// Dialogues
export type {
  Adversary,
  Dialogue,
  ExchangeScore,
  Judge,
  JudgedExchange,
  JudgedTurn,
  JudgedItem,
  PreferencePair,
  Prompt,
  RolloutTree,
  ScoredDialogue,
  SpeakRequest,
  Target,
  TargetReply,
  ToxicContinuation,
  Utterance,
  Verdict,
} from './dialogue/types.js';
export { watchUnscored, type UnscoredCount, type WatchedJudge } from './dialogue/unscored.js';
export { loadContinuations, loadPrompts, type Loaded, type LoadOptions } from './dialogue/datasets/loadDataset.js';
export { pairsFromTrees, type PairOptions } from './dialogue/pairs.js';
export { paperReward, rewardOf, type RewardTermName, type RewardWeights } from './dialogue/reward.js';
export { rolloutLinear, type LinearRolloutOptions } from './dialogue/rollout/linear.js';
export { rolloutPaired, type PairedRolloutOptions } from './dialogue/rollout/paired.js';

// Who takes a turn, and who judges
export { createLanguageModelAdversary, type LanguageModelAdversary } from './speakers/adversaries/languageModel.js';
export { createFunctionTarget, type FunctionRequest, type FunctionTargetOptions } from './speakers/targets/function.js';
export { createLocalTarget, type LocalTarget } from './speakers/targets/local.js';
export { createHttpTarget } from './speakers/targets/http.js';
export { openEndpointTarget } from './speakers/targets/endpoint.js';
export type { OpenTarget } from './speakers/targets/openTarget.js';
export { createEndpointAdversary, type OpenAdversary } from './speakers/adversaries/endpoint.js';
export { createPromptListAdversary } from './speakers/adversaries/promptList.js';
export { openEndpoint } from './remote/endpoint.js';
export { openJsonService, type JsonService, type JsonServiceOptions } from './remote/jsonService.js';
export type { Endpoint, EndpointOptions, RemoteReply, Usage } from './remote/types.js';
export { openJudge } from './speakers/judges/all.js';
export { ensembleJudge, type Combination } from './speakers/judges/ensemble.js';
export { createFunctionJudge, type FunctionJudgeOptions, type FunctionScore } from './speakers/judges/functionJudge.js';
export type { JudgeDeps, JudgeSpec } from './speakers/judges/judgeKind.js';

// Training
export {
  createClassifierTrainer,
  type ClassifierOptions,
  type ClassifierTrainer,
  type ClassifierExample,
} from './learning/trainers/classifier.js';
export {
  evaluateClassifier,
  fitClassifier,
  type ClassifierQuality,
  type FitHooks,
  type FitOptions,
  type FitStep,
} from './learning/trainers/classifierFit.js';
export {
  createPreferenceTrainer,
  type PreferenceOptions,
  type PreferenceTrainer,
} from './learning/trainers/preference.js';
export { createSftTrainer, type SftTraining, type SftTrainer } from './learning/trainers/sft.js';
export {
  createPpoTrainer,
  type DrawnCompletion,
  type PolicyReading,
  type PpoSample,
  type PpoTrainer,
  type PpoTraining,
} from './learning/trainers/ppo.js';
export { createRlooTrainer, type RlooSample, type RlooTrainer, type RlooTraining } from './learning/trainers/rloo.js';
export type { TrainingExample, TrainingPair } from './learning/trainers/trainingData.js';
export { watchPreferences } from './learning/trainers/watchPreferences.js';
export {
  adpo,
  dpo,
  ipo,
  preferenceFormula,
  type AdpoObjective,
  type PreferenceObjective,
} from './learning/formulas/preference.js';

// Planners that steer a frozen model, and offline reinforcement learning
export {
  createPlanner,
  openPlanner,
  type NewPlanner,
  type PlannedActor,
  type Planner,
} from './learning/planner/planner.js';
export type { PlannerSettings } from './learning/planner/plannerSettings.js';
export { openStateReader, type Situation, type StateReader } from './learning/planner/states.js';
export { tokenDirections, tokenScaleOf } from './learning/planner/tokenTable.js';
export {
  createSelfCloningTrainer,
  type CloningExample,
  type SelfCloningTrainer,
} from './learning/planner/selfCloning.js';
export { deployed, exploring, steerBy, type Exploration, type PlannerSteering } from './learning/planner/steer.js';
export { openSteering } from './learning/planner/openSteering.js';
export { openActor, type Actor } from './learning/offline/actor.js';
export { ReplayBuffer, type Episode } from './learning/offline/replayBuffer.js';
export type { ReplaySettings } from './learning/offline/replaySettings.js';
export { stateStatistics, type StateStatistics } from './learning/offline/stateStatistics.js';
export { createTd3BcTrainer, type Td3BcOptions, type Td3BcSetup, type Td3BcTrainer } from './learning/offline/td3bc.js';
export { trainOnBuffer } from './learning/offline/drawTransitions.js';

// Mending
export { readFailures, type FailedExchange } from './mending/failures.js';
export { readPreferences, type AnsweredPreference } from './dialogue/preferences.js';
export { preferenceLines, preferenceParquet } from './dialogue/preferenceRows.js';
export { evasionOf, evasionRules } from './measures/evasion.js';
export { measureReplies, type AnsweredDialogue, type MeasuringTools, type ReplyMeasure } from './measures/replies.js';
export { compareReplies, summariseReplies } from './measures/summary.js';
export { answerChoices, readChoices } from './measures/choices.js';
export { ordinaryNll } from './measures/guards.js';

// Statistics
export { createBootstrap, summarise, type BootstrapOptions, type Summary } from './stats/bootstrap.js';
export { rocAuc, summariseClassification, type ClassificationSummary } from './stats/classification.js';
export { bettingHigh, dialoguesForBound, empiricalBernsteinHigh } from './stats/boundedMean.js';
export {
  estimateProbability,
  mixtureWeight,
  type EstimateOptions,
  type ProbabilityEstimate,
  type TiltedPart,
  type WeightedDraw,
} from './stats/estimateProbability.js';
export { clopperPearsonHigh, clopperPearsonLow } from './stats/clopperPearson.js';
export { wilson } from './stats/wilson.js';

// Runs
export { loadRecipe, parseRecipe, RecipeError, shippedRecipes, type LoadedRecipe } from './recipe/readRecipe.js';
export type { Recipe, RecipeInput } from './recipe/recipe.js';
export { planSweep, type SweepPlan } from './recipe/sweepPlan.js';
export { openRun } from './runs/openRun.js';
export { RunDirectory } from './runs/runDirectory.js';
export { parseReport, type LoopEntry, type MendReport, type Report, type ReportRow } from './report/report.js';
export type { SweepFile, SweepPointState } from './report/sweepFile.js';
export { readSweepView, type SweepView } from './report/sweepView.js';
export {
  runAttack,
  type AttackInput,
  type AttackRun,
  type EvaluationInput,
  type RunAttackOptions,
} from './stages/runAttack.js';
export { runRecipe, type FinishedRun, type RunOptions, type RunPlace } from './stages/runRecipe.js';
export type { ThresholdResult } from './report/threshold.js';
export { runSweep, type PointHooks, type SweepOptions } from './stages/runSweep.js';
export type { SweepStart } from './stages/sweepRecipes.js';
export { runStages } from './stages/runStages.js';
export { openModelPool, type ModelPool, type ModelPoolOptions } from './models/pool.js';
export type { Handle } from './models/handle.js';
export type { StageContext, StageProgress } from './stages/stageContext.js';

// Serving
export { serveModel, type RunningServer, type ServeOptions } from './server/serveModel.js';
