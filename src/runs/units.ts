/** Names of a run's units (the pieces of work that a run finishes one by one), made and parsed here alone. A unit's name
 *  stands in the manifest, in checkpoints and as `stage` in records. */

/** A unit of a run. `explore`, `establish`, `estimate` and `mend` are whole stages; the others of their stages are their steps. */
export type Unit =
  | { readonly kind: 'explore'; readonly stage: string }
  | { readonly kind: 'exploreDraw'; readonly stage: string }
  | { readonly kind: 'exploreEmbed'; readonly stage: string }
  | { readonly kind: 'establish'; readonly stage: string }
  | { readonly kind: 'establishTexts'; readonly stage: string }
  | { readonly kind: 'establishLabels'; readonly stage: string }
  | { readonly kind: 'establishMember'; readonly stage: string; readonly member: string }
  | { readonly kind: 'plant'; readonly stage: string }
  | { readonly kind: 'exploit'; readonly stage: string }
  | { readonly kind: 'evaluate' }
  | { readonly kind: 'evaluateRow'; readonly row: string }
  /** All that an evaluation of this many rows has heard, read by an encoder. */
  | { readonly kind: 'evaluateEmbed'; readonly rows: number }
  | { readonly kind: 'estimate'; readonly stage: string }
  | { readonly kind: 'estimatePilot'; readonly stage: string }
  | { readonly kind: 'estimateDraw'; readonly stage: string }
  | { readonly kind: 'mend'; readonly stage: string }
  | { readonly kind: 'mendControlModel'; readonly stage: string }
  | { readonly kind: 'mendPairs'; readonly stage: string }
  | { readonly kind: 'mendTraining'; readonly stage: string; readonly model: string }
  | { readonly kind: 'mendMeasure'; readonly stage: string; readonly model: string };

/** Returns the name of a unit: 'exploit:ipo', 'evaluate:untuned', 'mend:mend-1:train:adpo-1'. A colon inside a name is escaped. */
export function unitKey(unit: Unit): string {
  switch (unit.kind) {
    case 'explore':
      return join('explore', unit.stage);
    case 'exploreDraw':
      return join('explore', unit.stage, 'draw');
    case 'exploreEmbed':
      return join('explore', unit.stage, 'embed');
    case 'establish':
      return join('establish', unit.stage);
    case 'establishTexts':
      return join('establish', unit.stage, 'texts');
    case 'establishLabels':
      return join('establish', unit.stage, 'labels');
    case 'establishMember':
      return join('establish', unit.stage, 'member', unit.member);
    case 'plant':
      return join('plant', unit.stage);
    case 'exploit':
      return join('exploit', unit.stage);
    case 'evaluate':
      return 'evaluate';
    case 'evaluateRow':
      return join('evaluate', unit.row);
    case 'evaluateEmbed':
      return join('evaluate', String(unit.rows), 'embed');
    case 'estimate':
      return join('estimate', unit.stage);
    case 'estimatePilot':
      return join('estimate', unit.stage, 'pilot');
    case 'estimateDraw':
      return join('estimate', unit.stage, 'draw');
    case 'mend':
      return join('mend', unit.stage);
    case 'mendControlModel':
      return join('mend', unit.stage, 'twin');
    case 'mendPairs':
      return join('mend', unit.stage, 'pairs');
    case 'mendTraining':
      return join('mend', unit.stage, 'train', unit.model);
    case 'mendMeasure':
      return join('mend', unit.stage, 'measure', unit.model);
  }
}

/** Returns the unit of a name; null for a text that names none. */
export function parseUnit(key: string): Unit | null {
  const [kind, name, step, model, ...more] = key.split(':').map(unescape);
  if (more.length > 0) return null;
  if (kind === 'evaluate' && step === undefined)
    return name === undefined ? { kind } : { kind: 'evaluateRow', row: name };
  if (name === undefined) return null;
  if (kind === 'evaluate' && step === 'embed' && model === undefined && /^\d+$/.test(name))
    return { kind: 'evaluateEmbed', rows: Number(name) };
  if ((kind === 'exploit' || kind === 'plant') && step === undefined) return { kind, stage: name };
  if (kind === 'explore' && model === undefined) {
    if (step === undefined) return { kind, stage: name };
    return step === 'draw'
      ? { kind: 'exploreDraw', stage: name }
      : step === 'embed'
        ? { kind: 'exploreEmbed', stage: name }
        : null;
  }
  if (kind === 'estimate' && model === undefined) {
    if (step === undefined) return { kind, stage: name };
    return step === 'pilot'
      ? { kind: 'estimatePilot', stage: name }
      : step === 'draw'
        ? { kind: 'estimateDraw', stage: name }
        : null;
  }
  if (kind === 'establish') return establishUnit(name, step, model);
  if (kind !== 'mend') return null;
  if (step === undefined) return { kind, stage: name };
  if (model === undefined) {
    return step === 'twin'
      ? { kind: 'mendControlModel', stage: name }
      : step === 'pairs'
        ? { kind: 'mendPairs', stage: name }
        : null;
  }
  if (step === 'train') return { kind: 'mendTraining', stage: name, model };
  return step === 'measure' ? { kind: 'mendMeasure', stage: name, model } : null;
}

function establishUnit(stage: string, step: string | undefined, member: string | undefined): Unit | null {
  if (member !== undefined) return step === 'member' ? { kind: 'establishMember', stage, member } : null;
  switch (step) {
    case undefined:
      return { kind: 'establish', stage };
    case 'texts':
      return { kind: 'establishTexts', stage };
    case 'labels':
      return { kind: 'establishLabels', stage };
    default:
      return null;
  }
}

/** Returns whether a unit is a step of another. */
export function isPartOf(key: string, whole: string): boolean {
  return key.startsWith(`${whole}:`);
}

function join(...parts: readonly string[]): string {
  return parts.map((part) => part.replaceAll('%', '%25').replaceAll(':', '%3A')).join(':');
}

function unescape(part: string): string {
  return part.replaceAll('%3A', ':').replaceAll('%25', '%');
}
