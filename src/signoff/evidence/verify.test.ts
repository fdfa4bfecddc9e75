/** A clean bundle verifies; each kind of tampering is named by its place, whether or not the index was made anew. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TinyFiles, tinyContext, tinyPool, tinyRecipe, writeTinyFiles } from '../../../tests/fakes/tinyPool.js';
import { freshFolder, openTinyRun } from '../../../tests/fakes/tinyRuns.js';
import { present } from '../../base/invariant.js';
import { packTar, unpackTar } from '../../base/tar.js';
import { type Device, openDevice } from '../../engine/runtime/device.js';
import { renderHtml } from '../../render/html/renderHtml.js';
import { readReportView } from '../../report/reportView.js';
import { runStages } from '../../stages/runStages.js';
import { digestOf, indexName, recipeName, signatureName } from './bundleIndex.js';
import { bundleRun } from './bundleRun.js';
import { replayDialogues } from './replay.js';
import { readPublicKey } from './signature.js';
import { verifyEvidence, type VerifyOptions, type Verification } from './verify.js';

const recipe = tinyRecipe([
  {
    exploit: {
      attack: 'ipo',
      horizon: 1,
      epochs: 1,
      promptsPerEpoch: 4,
      batchPairs: 4,
      warmupSteps: 0,
      devEvery: 0,
      reward: { reply: 2, likelihood: 0.1 },
    },
  },
  { evaluate: { rows: ['untuned', 'ipo'], turns: 2, samples: 6, judges: ['letters', 'linear-toxicity'] } },
]);
const nothing: VerifyOptions = { key: null, digest: null, replay: null };

type Files = Map<string, Buffer>;

describe('evidence', () => {
  let device: Device;
  let files: TinyFiles;
  const folder = mkdtempSync(join(tmpdir(), 'gadfly-evidence-'));
  const run = freshFolder();
  const [clean, keyFile, publicFile] = ['clean.tar.gz', 'key.pem', 'public.pem'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  let digest = '';

  beforeAll(async () => {
    device = await openDevice({ threads: 1 });
    files = await writeTinyFiles(device);
    const directory = openTinyRun(recipe, run);
    await runStages(tinyContext(files, recipe, directory));
    directory.close('done');
    writeFileSync(join(run, 'report.html'), renderHtml(await readReportView(run)));
    writeKeys(keyFile, publicFile);
    digest = bundleRun(run, { out: clean, keyFile, keepModels: false }).digest;
  });
  afterAll(() => device.close());

  function contents(): Files {
    return new Map(
      unpackTar(gunzipSync(readFileSync(clean)), clean).map(({ name, bytes }) => [name, Buffer.from(bytes)]),
    );
  }

  function verify(held: Files, options: Partial<VerifyOptions> = {}): Promise<Verification> {
    const path = join(folder, 'changed.tar.gz');
    writeFileSync(path, gzipSync(packTar([...held].map(([name, bytes]) => ({ name, bytes })))));
    return verifyEvidence(path, { ...nothing, ...options });
  }

  const places = ({ problems }: Verification): readonly string[] => problems.map(({ place }) => place);

  it('that is clean is authentic by its key or digest, and consistent without either', async () => {
    const key = readPublicKey(publicFile);
    const plain = await verifyEvidence(clean, nothing);
    expect(plain).toMatchObject({ ok: true, verdict: 'consistent, not authentic', digest, problems: [] });
    expect(plain.checked).toBeGreaterThan(1000);
    expect(await verifyEvidence(clean, { ...nothing, key })).toMatchObject({ ok: true, verdict: 'authentic' });
    expect(await verifyEvidence(clean, { ...nothing, digest })).toMatchObject({ ok: true, verdict: 'authentic' });
    expect(await verifyEvidence(run, { ...nothing, digest })).toMatchObject({ ok: true, verdict: 'authentic', digest });
    expect(plain.unchecked.map(({ place }) => place)).toEqual(
      expect.arrayContaining(['models/ipo/model.safetensors', 'report.json: run.elapsedSeconds']),
    );
  });

  it('gives the same bytes again, and with models holds them', async () => {
    const again = join(folder, 'again.tar.gz');
    expect(bundleRun(run, { out: again, keyFile, keepModels: false }).digest).toBe(digest);
    expect(readFileSync(again).equals(readFileSync(clean))).toBe(true);
    const whole = bundleRun(run, { out: again, keyFile: null, keepModels: true });
    expect(whole).toMatchObject({ hashedOnly: 0, signedBy: null });
    expect((await verifyEvidence(again, nothing)).unchecked.map(({ place }) => place)).not.toContain(
      'models/ipo/model.safetensors',
    );
  });

  describe('whose index is as it was names', () => {
    const kinds: readonly [string, (held: Files) => void, RegExp][] = [
      [
        'a byte of the records',
        (held) => edit(held, 'rollouts.jsonl', (text) => text.replace('"harm":0', '"harm":1')),
        /^rollouts\.jsonl: sha256$/,
      ],
      [
        'records cut off',
        (held) => edit(held, 'rollouts.jsonl', (text) => text.slice(0, -40)),
        /^rollouts\.jsonl: bytes$/,
      ],
      [
        'a report',
        (held) => edit(held, 'report.json', (text) => text.replace('"low"', '"Low"')),
        /^report\.json: sha256$/,
      ],
      ['a page', (held) => edit(held, 'report.html', (text) => `${text} `), /^report\.html: sha256$/],
      ['a file taken away', (held) => void held.delete('metrics.jsonl'), /^metrics\.jsonl$/],
      ['a file put in', (held) => void held.set('notes.txt', Buffer.from('all is well')), /^notes\.txt$/],
      ['an index taken away', (held) => void held.delete(indexName), /^bundle\.json$/],
      ['an index that is no JSON', (held) => void held.set(indexName, Buffer.from('{')), /^bundle\.json$/],
      [
        'an index of another form',
        (held) => edit(held, indexName, (text) => text.replace('"schema": 1', '"schema": 9')),
        /^bundle\.json$/,
      ],
      [
        'an index that says another seed',
        (held) => edit(held, indexName, (text) => text.replace('"seed": 3', '"seed": 4')),
        /^bundle\.json: run\.seed$/,
      ],
      [
        'an index that changed after it was signed',
        (held) => edit(held, indexName, (text) => `${text} `),
        /^signature\.json$/,
      ],
      ['a signature that is none', (held) => void held.set(signatureName, Buffer.from('{}')), /^signature\.json$/],
    ];
    it.each(kinds)('%s', async (_kind, change, place) => {
      const held = contents();
      change(held);
      const found = await verify(held);
      expect(found).toMatchObject({ ok: false, verdict: 'not consistent' });
      expect(places(found)).toContainEqual(expect.stringMatching(place));
    });
  });

  describe('whose index was made anew names', () => {
    const inReport = (change: (report: Report) => void) => (held: Files) => changeJson(held, 'report.json', change);
    const inManifest = (change: (manifest: Manifest) => void) => (held: Files) =>
      changeJson(held, 'manifest.json', change);
    const kinds: readonly [string, (held: Files) => void, RegExp][] = [
      [
        'a mean',
        inReport(({ rows }) => (metric(rows, 1).mean -= 0.01)),
        /^report\.json: rows\[1\]\.metrics\.replyHarm\.mean$/,
      ],
      [
        'the end of an interval',
        inReport(({ rows }) => (metric(rows, 0).high -= 0.01)),
        /rows\[0\]\.metrics\.replyHarm\.high$/,
      ],
      ['a number of values', inReport(({ rows }) => (metric(rows, 0).n += 1)), /rows\[0\]\.metrics\.replyHarm\.n$/],
      [
        'a figure of a turn',
        inReport(({ rows }) => (present(rows[0]?.byTurn[1]?.metrics['replyHarm'], 'a metric').mean += 0.1)),
        /rows\[0\]\.byTurn\[1\]\.metrics\.replyHarm\.mean$/,
      ],
      ['a number of dialogues', inReport(({ rows }) => (row(rows, 0).dialogues = 900)), /rows\[0\]\.dialogues$/],
      ['a threshold', inReport(({ rows }) => (row(rows, 0).threshold = 0.9)), /rows\[0\]\.threshold$/],
      ['a row taken away', inReport(({ rows }) => void rows.pop()), /rows\.length$/],
      [
        'a figure that no record gives',
        inReport(({ rows }) => (row(rows, 0).metrics['safety'] = { ...metric(rows, 0), mean: 1 })),
        /rows\[0\]\.metrics\.safety$/,
      ],
      [
        'what a row cost',
        inReport(({ rows }) => (row(rows, 0).spending = { targetReplies: 1 })),
        /rows\[0\]\.spending\./,
      ],
      [
        'a p-value',
        inReport(({ differences }) => (present(differences[0], 'a difference').pValues['replyHarm'] = 0.9)),
        /differences\[0\]\.pValues\.replyHarm$/,
      ],
      [
        'a sample’s text',
        inReport(({ samples }) => (present(samples[0]?.turns[1], 'a turn').text = 'good day')),
        /samples\[0\]\.turns\[1\]\.text$/,
      ],
      ['a point', inReport(({ points }) => (present(points[2], 'a point').harm = 0)), /points\[2\]\.harm$/],
      ['a note taken away', inReport(({ notes }) => void notes.pop()), /notes/],
      ['another judge’s name', inReport(({ run }) => (run['judge'] = 'people')), /run\.judge$/],
      ['other versions', inReport(({ run }) => (run['versions'] = { gadfly: '9.9.9' })), /run\.versions\.gadfly$/],
      [
        'a page',
        (held) => edit(held, 'report.html', (text) => text.replace('<title>', '<title>Safe: ')),
        /^report\.html$/,
      ],
      ['a recipe', (held) => edit(held, recipeName, (text) => text.replace('turns: 2', 'turns: 1')), /^recipe\.yaml$/],
      ['another seed', inManifest((manifest) => (manifest.seed = 4)), /^manifest\.json: seed$/],
      ['a status', inManifest((manifest) => (manifest.status = 'interrupted')), /^manifest\.json: status$/],
      ['a unit taken away', inManifest(({ completed }) => void completed.splice(1, 1)), /^rollouts\.jsonl:\d+: stage$/],
      [
        'a position',
        inManifest(({ completed }) => (present(completed[1], 'a unit').positions['rollouts'] = 7)),
        /^rollouts\.jsonl: evaluate:untuned$/,
      ],
      [
        'a judge’s threshold',
        inManifest(({ completed }) => (present(judgesOf(completed[1])[0], 'a judge').threshold = 0.9)),
        /scores\.letters\[\d\]\.\w+\.failed$/,
      ],
      [
        'a verdict',
        inRecords((text) => text.replace('"failed":true', '"failed":null')),
        /^rollouts\.jsonl:\d+: scores\.letters\[0\]\.\w+\.failed$/,
      ],
      ['harm', evaluated((record) => (score(record).reply.harm = 0)), /scores\.letters\[0\]\.reward\.total$/],
      [
        'a reward',
        evaluated((record) => (present(score(record).reward, 'a reward').total += 1)),
        /scores\.letters\[0\]\.reward\.total$/,
      ],
      [
        'verdicts of a judge taken away',
        evaluated((record) => delete record.scores['linear-toxicity']),
        /^rollouts\.jsonl:\d+: scores$/,
      ],
      [
        'the author of a turn',
        evaluated((record) => (present(record.turns[1], 'a turn').author = 'adversary')),
        /^rollouts\.jsonl:\d+: turns$/,
      ],
      [
        'a token taken away',
        evaluated((record) => void present(record.turns[0], 'a turn').ids.pop()),
        /turns\[0\]\.logProbs$/,
      ],
      [
        'an utterance',
        evaluated((record) => (present(record.turns[0], 'a turn').text = 'q q q')),
        /metrics\.diversityDistinct1\.mean$/,
      ],
      [
        'a dialogue taken away',
        inLines((lines) => lines.filter((_, i) => i !== lines.length - 1)),
        /^rollouts\.jsonl: evaluate:ipo: prompts$/,
      ],
      [
        'a dialogue put in twice',
        inLines((lines) => [...lines, present(lines.at(-1), 'a line')]),
        /^rollouts\.jsonl: bytes$/,
      ],
      ['a line that is no record', inLines((lines) => [...lines, '[1]']), /^rollouts\.jsonl:\d+$/],
    ];
    it.each(kinds)('%s', async (_kind, change, place) => {
      const held = contents();
      change(held);
      seal(held);
      const found = await verify(held);
      expect(found).toMatchObject({ ok: false, verdict: 'not consistent' });
      expect(places(found)).toContainEqual(expect.stringMatching(place));
      expect(places(found)).not.toContainEqual(expect.stringMatching(/sha256/));
    });

    it('itself where a key or a digest is asked for', async () => {
      const held = contents();
      held.set('metrics.jsonl', Buffer.concat([present(held.get('metrics.jsonl'), 'a log')]));
      seal(held, (index) => (index['gadfly'] = 'mine'));
      expect(places(await verify(held, { digest }))).toContain('bundle.json: digest');
      held.delete(signatureName);
      const key = readPublicKey(publicFile);
      expect(places(await verify(held, { key }))).toContain('signature.json');
    });

    it('a signature by another key', async () => {
      const [otherKey, otherPublic] = [join(folder, 'other.pem'), join(folder, 'otherPublic.pem')];
      writeKeys(otherKey, otherPublic);
      const forged = join(folder, 'forged.tar.gz');
      bundleRun(run, { out: forged, keyFile: otherKey, keepModels: false });
      expect(await verifyEvidence(forged, nothing)).toMatchObject({ ok: true, verdict: 'consistent, not authentic' });
      const found = await verifyEvidence(forged, { ...nothing, key: readPublicKey(publicFile) });
      expect(found).toMatchObject({ ok: false, problems: [{ place: 'signature.json' }] });
    });
  });

  describe('played again', () => {
    const replay: NonNullable<VerifyOptions['replay']> = (evidence, findings) =>
      replayDialogues(evidence, { pool: tinyPool(files, recipe), count: 40, seed: 1 }, findings);

    it('is equal token by token on the same machine, rows of trained adversaries included', async () => {
      const found = await verifyEvidence(run, { ...nothing, replay });
      expect(found).toMatchObject({ ok: true, replay: { dialogues: 16, equal: 16, others: [] } });
    });

    it('leaves out the rows whose models are not in the bundle, and says so', async () => {
      const found = await verifyEvidence(clean, { ...nothing, replay });
      expect(found).toMatchObject({ ok: true, replay: { dialogues: 8, equal: 8 } });
      expect(found.unchecked).toContainEqual({ place: 'replay: ipo', why: 'models of ipo are not here' });
    });

    it('names a text that its tokens do not say, and a verdict that the judge does not give', async () => {
      const held = contents();
      evaluated((record) => {
        present(record.turns[3], 'a turn').text = 'as you wish';
        score(record).reply.harm = 0.05;
      })(held);
      seal(held);
      const found = places(await verify(held, { replay }));
      expect(found).toContain('rollouts.jsonl: untuned, dialogue 1: turns[3].text');
      expect(found).toContain('rollouts.jsonl: untuned, dialogue 1: scores.letters[0].reply.harm');
    });

    it('names a row whose replies do not fail as often as recorded, where the tokens differ too', async () => {
      const held = contents();
      inLines((lines) =>
        lines.map((line) => {
          const record = JSON.parse(line) as Dialogue & { readonly stage: string };
          if (record.stage !== 'evaluate:untuned') return line;
          for (const turn of record.turns) turn.ids = turn.ids.map(() => 1);
          for (const each of present(record.scores['letters'], 'scores')) {
            each.reply.harm = 1;
            each.reply.failed = true;
          }
          return JSON.stringify(record);
        }),
      )(held);
      seal(held);
      expect(places(await verify(held, { replay }))).toContain('replay: untuned: share of replies that failed');
    });
  });

  describe('of a stranger is refused', () => {
    const refusal = async (archive: Uint8Array): Promise<unknown> => {
      const path = join(folder, 'hostile.tar.gz');
      writeFileSync(path, archive);
      return verifyEvidence(path, nothing).catch((error: unknown) => error);
    };
    const named = (name: string): Uint8Array => gzipSync(packTar([{ name, bytes: Buffer.from('x') }]));

    it.each(['../out.json', '/etc/out', 'a/../../out', '.hidden', 'a\\b', 'a//b'])('when it names %s', async (name) => {
      expect(String(await refusal(named(name)))).toMatch(/a name that no bundle has/);
    });

    it('when it holds a link, a file twice, grows without bound, or is no archive', async () => {
      const tar = Buffer.from(packTar([{ name: 'a.json', bytes: Buffer.from('x') }]));
      tar[156] = 0x32;
      tar.fill(0x20, 148, 156);
      const sum = tar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
      tar.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
      expect(String(await refusal(gzipSync(tar)))).toMatch(/something else than files/);
      const one = { name: 'a.json', bytes: Buffer.from('x') };
      expect(String(await refusal(gzipSync(packTar([one, one]))))).toMatch(/holds a file twice/);
      expect(String(await refusal(gzipSync(Buffer.alloc(2 ** 26))))).toMatch(/grows further than a bundle does/);
      expect(String(await refusal(Buffer.from('no archive')))).toMatch(/this is no bundle/);
    });
  });
});

interface Metric {
  mean: number;
  high: number;
  n: number;
}
interface Row {
  dialogues: number;
  threshold: number;
  spending: Record<string, number>;
  metrics: Record<string, Metric>;
  byTurn: { metrics: Record<string, Metric> }[];
}
interface Report {
  run: Record<string, unknown>;
  rows: Row[];
  differences: { pValues: Record<string, number> }[];
  samples: { turns: { text: string }[] }[];
  points: { harm: number | null }[];
  notes: string[];
}
interface Unit {
  result: { judges: { threshold: number }[] };
  positions: Record<string, number>;
}
interface Manifest {
  seed: number;
  status: string;
  completed: Unit[];
}
interface Score {
  reply: { harm: number | null; failed: boolean | null };
  reward: { total: number } | null;
}
interface Dialogue {
  turns: { author: string; text: string; ids: number[] }[];
  scores: Record<string, Score[]>;
}

function row(rows: readonly Row[], at: number): Row {
  return present(rows[at], 'a row');
}

function metric(rows: readonly Row[], at: number): Metric {
  return present(row(rows, at).metrics['replyHarm'], 'a metric');
}

function judgesOf(unit: Unit | undefined): Unit['result']['judges'] {
  return present(unit, 'a unit').result.judges;
}

function score({ scores }: Dialogue): Score {
  return present(scores['letters']?.[0], 'a score');
}

function edit(held: Files, name: string, change: (text: string) => string): void {
  const text = present(held.get(name), `a file ${name}`).toString('utf8');
  const changed = change(text);
  expect(changed).not.toBe(text);
  held.set(name, Buffer.from(changed));
}

function changeJson<T>(held: Files, name: string, change: (value: T) => unknown): void {
  edit(held, name, (text) => {
    const value = JSON.parse(text) as T;
    change(value);
    return `${JSON.stringify(value, null, 1)}\n`;
  });
}

const inRecords = (change: (text: string) => string) => (held: Files) => {
  edit(held, 'rollouts.jsonl', (text) => {
    const at = text.indexOf('{"stage":"evaluate:untuned"');
    return text.slice(0, at) + change(text.slice(at));
  });
};

/** Changes the lines of the records. */
const inLines = (change: (lines: readonly string[]) => readonly string[]) => (held: Files) => {
  edit(held, 'rollouts.jsonl', (text) =>
    change(text.trimEnd().split('\n'))
      .map((line) => `${line}\n`)
      .join(''),
  );
};

/** Changes the first record of the evaluation. */
const evaluated = (change: (record: Dialogue) => unknown) =>
  inRecords((text) => {
    const end = text.indexOf('\n');
    const record = JSON.parse(text.slice(0, end)) as Dialogue;
    change(record);
    return JSON.stringify(record) + text.slice(end);
  });

/** Makes the index anew, as who tampers would; the signature can then not be theirs. */
function seal(held: Files, change: (index: Record<string, unknown>) => unknown = () => undefined): void {
  const index = JSON.parse(present(held.get(indexName), 'an index').toString('utf8')) as {
    files: Record<string, { sha256: string; bytes: number; kept: boolean }>;
  };
  for (const [name, bytes] of held)
    if (index.files[name] !== undefined)
      index.files[name] = { sha256: digestOf(bytes), bytes: bytes.length, kept: true };
  change(index);
  held.set(indexName, Buffer.from(JSON.stringify(index)));
  held.delete(signatureName);
}

function writeKeys(privateFile: string, publicFile: string): void {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  writeFileSync(privateFile, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(publicFile, publicKey.export({ type: 'spki', format: 'pem' }));
}
