/** Runs a parsed chat template as Jinja does. The interpreter is @huggingface/jinja's, except for what a block prints
 *  (Python's texts), for assignments in a loop (each turn of the loop forgets them), and for `break` and `continue`
 *  (what was printed before them stays). */
import { Environment, Interpreter, type Program, type Value } from '@huggingface/jinja';
import { invariant } from '../../base/invariant.js';
import { isPrinted, loopStart, printed, pythonFunctions } from './templateValues.js';

/** @param program as `asPython` gives it
 *  @param variables as plain values @throws Error for what the template cannot do, and whatever it raises */
export function runTemplate(program: Program, variables: Readonly<Record<string, unknown>>): string {
  const environment = new Environment();
  for (const [name, value] of Object.entries({ ...pythonFunctions, ...loopControls, ...variables }))
    environment.set(name, value);
  const interpreter = new Interpreter(environment);
  /** Scopes of loops that a `break` ended. */
  const ended = new WeakSet<Environment>();
  const printBlock = (statements: Program['body'], scope: Environment): string => {
    let text = '';
    for (const statement of statements) {
      try {
        const value = interpreter.evaluate(statement, scope);
        if (isPrinted(statement, value)) text += printed(value);
      } catch (error) {
        throw error instanceof LoopControl ? new LoopControl(error.ends, text + error.text) : error;
      }
    }
    return text;
  };
  const printTurn = (statements: Program['body'], scope: Environment): string => {
    if (ended.has(scope)) return '';
    try {
      return printBlock(statements, new Environment(scope));
    } catch (error) {
      if (!(error instanceof LoopControl)) throw error;
      if (error.ends) ended.add(scope);
      return error.text;
    }
  };
  interpreter.evaluateBlock = (statements, scope): Value => {
    const [first, ...rest] = statements;
    const text = first === loopStart ? printTurn(rest, scope) : printBlock(statements, scope);
    return interpreter.evaluate({ type: 'StringLiteral', value: text }, scope);
  };
  const rendered = interpreter.run(program).value;
  invariant(typeof rendered === 'string', 'a template renders to text');
  return rendered;
}

/** Ends a turn of a loop, or the loop; carries what was printed in the turn so far. */
class LoopControl extends Error {
  readonly ends: boolean;
  readonly text: string;

  constructor(ends: boolean, text = '') {
    super('break or continue outside a loop');
    this.ends = ends;
    this.text = text;
  }
}

const loopControls = {
  'break ': (): never => {
    throw new LoopControl(true);
  },
  'continue ': (): never => {
    throw new LoopControl(false);
  },
};
