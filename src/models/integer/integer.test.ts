import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import { loadBackend } from '../../backend/index.ts'
import { InputError } from '../../errors.ts'
import { loadCheckpoint } from '../../import/checkpoint.ts'
import { loadTokenizer } from '../../import/tokenizer.ts'
import { argmax } from '../../nn/metrics.ts'
import { checkProgram } from '../../program/check.ts'
import type { Tensor } from '../../program/program.ts'
import { BLIND_NAME } from '../../proof/commitment.ts'
import { FloatModel } from '../float/index.ts'
import { measureAccuracy, textWindows } from './accuracy.ts'
import { calibrate } from './calibrate.ts'
import { calibrateModel, quantiseCheckpoint } from './calibrate-model.ts'
import type { ModelDescription } from './description.ts'
import { IntegerModel } from './model.ts'
import { build, sequenceOf } from './program.ts'
import { DESCRIPTION_FILE, readModel, saveModel, WEIGHTS_FILE } from './store.ts'
import { CONFIGS, type RandomCheckpoint, randomCheckpoint, randomTokens } from './testing.ts'
import { floatWeight } from './weights.ts'

/** Logits of these models reach 15 and more. */
const LOGIT_BOUND = 0.03

describe.each(Object.entries(CONFIGS))('%s', (_, json) => {
  let checkpoint: RandomCheckpoint
  let description: ModelDescription
  let weights: Map<string, Int16Array>
  let model: IntegerModel

  beforeAll(async () => {
    checkpoint = randomCheckpoint(json, 1)
    const opened = loadCheckpoint(checkpoint.dir)
    const windows = [1, 2, 3, 4].map(seed => randomTokens(opened.config, 24, seed))
    ;({ description, weights } = await quantiseCheckpoint(opened, windows))
    opened.close()
    model = new IntegerModel(description, weights, loadBackend())
  })
  afterAll(() => checkpoint.remove())

  it('computes the logits of the float model, also on tokens that did not choose its scales', async () => {
    const float = new FloatModel(checkpoint.config, checkpoint.tensors)
    const windows = [5, 6, 7].map(seed => randomTokens(checkpoint.config, 23, seed))
    const accuracy = await measureAccuracy(model, float, windows)
    await float.release()
    expect(accuracy.maxLogitError).toBeLessThan(LOGIT_BOUND)
    expect(accuracy.perplexityDifference).toBeLessThan(0.002)
    expect(accuracy.agreement).toBeGreaterThanOrEqual(0.98)
  })

  it('generates the argmax of its logits at every position', async () => {
    const prompt = randomTokens(checkpoint.config, 5, 8)
    const { generated } = await model.generate(prompt, 7)
    const logits = model.logits([...prompt, ...generated.slice(0, -1)])
    const vocabulary = checkpoint.config.vocabSize
    generated.forEach((token, i) => {
      const at = (prompt.length - 1 + i) * vocabulary
      expect(argmax(logits.subarray(at, at + vocabulary))).toBe(token)
    })
  })

  it('is the same model after it was saved and read, from its weights or from the checkpoint beside', () => {
    const tokens = randomTokens(checkpoint.config, 9, 9)
    const expected = model.logits(tokens)
    for (const stored of [weights, undefined]) {
      saveModel(checkpoint.dir, description, stored)
      const read = readModel(checkpoint.dir)
      expect(read.description).toEqual(description)
      expect(new IntegerModel(read.description, read.weights, loadBackend()).logits(tokens)).toEqual(expected)
    }
  })

  it('refuses a damaged file, naming it', () => {
    saveModel(checkpoint.dir, description, weights)
    const path = join(checkpoint.dir, WEIGHTS_FILE)
    const bytes = readFileSync(path)
    const damaged = Uint8Array.from(bytes)
    damaged[damaged.length >> 1]! ^= 1
    for (const content of [damaged, bytes.subarray(2), Buffer.concat([bytes, Buffer.of(0)])]) {
      writeFileSync(path, content)
      expect(() => readModel(checkpoint.dir)).toThrow(new RegExp(WEIGHTS_FILE))
    }
    writeFileSync(path, bytes)
    const json = join(checkpoint.dir, DESCRIPTION_FILE)
    const text = readFileSync(json, 'utf8')
    for (const content of [
      text.slice(1),
      text.replace('"version":1', '"version":2'),
      text.replace('"hiddenSize"', '"size"'),
    ]) {
      writeFileSync(json, content)
      expect(() => readModel(checkpoint.dir)).toThrow(new RegExp(DESCRIPTION_FILE))
    }
  })

  it('names the argument that is wrong', async () => {
    const failure = async (prompt: number[], count: number): Promise<string> =>
      model.generate(prompt, count).then(
        () => 'no error',
        error => `${error instanceof InputError} ${error.message}`,
      )
    expect(await failure([], 1)).toBe('true prompt: expected at least one token, got an empty prompt')
    expect(await failure([1], 0)).toBe('true max-new-tokens: expected at least 1, got 0')
    expect(await failure(randomTokens(checkpoint.config, 20, 1), 6)).toBe(
      'true prompt: expected prompt and new tokens within 24 positions, got 25',
    )
    expect(await failure([3, 61], 1)).toBe('true tokens: expected ids in [0, 61), got 61')
    expect(await failure([3, -1], 1)).toBe('true tokens: expected ids in [0, 61), got -1')
    expect((await model.generate(randomTokens(checkpoint.config, 20, 1), 5)).generated.length).toBe(5)
  })
})

describe('a residual stream with outliers', () => {
  const { config, tensors, remove } = randomCheckpoint(CONFIGS.gpt2!, 3)
  remove()
  tensors.get('h.0.mlp.c_proj.bias')!.data[5] = 700
  const read = (name: string, shape: readonly number[]) =>
    floatWeight(config, n => tensors.get(n)!, name, shape)
  const { description, weights } = calibrate(loadBackend(), config, read, [randomTokens(config, 24, 1)])
  const model = new IntegerModel(description, weights, loadBackend())

  it('gets a second limb, and the logits stay close', async () => {
    expect(description.residualBits).toBeGreaterThan(16)
    const float = new FloatModel(config, tensors)
    const accuracy = await measureAccuracy(model, float, [randomTokens(config, 24, 2)])
    await float.release()
    expect(accuracy.maxLogitError).toBeLessThan(LOGIT_BOUND)
  })

  it('satisfies the program', async () => {
    const run = await model.generate([1, 2, 3], 2)
    const { program, nodes } = build(description, sequenceOf(run.prompt, run.generated))
    const x = model.witness(run, program, nodes)
    const values = (t: Tensor) =>
      t.name === BLIND_NAME ? [] : t.commitment === 'weights' ? model.weight(t) : x.values(t)
    expect(checkProgram(program, values)).toEqual([])
  })
})

describe('calibrateModel', () => {
  const demo = fileURLToPath(new URL('../../../models/demo', import.meta.url))
  const text =
    'ROMEO:\nBut soft, what light through yonder window breaks?\nIt is the east, and Juliet is the sun.\n'

  it('writes a model that reads back, and reports how close it is', async () => {
    const out = mkdtempSync(join(tmpdir(), 'proofmark-test-'))
    try {
      const stages: string[] = []
      const report = await calibrateModel(demo, text, out, {
        bits: 14,
        onProgress: p => stages.push(p.stage),
      })
      expect(report).toMatchObject({ activation_bits: 14, residual_bits: 16 })
      expect(report.agreement).toBeGreaterThan(0.9)
      expect(report.perplexity_difference).toBeLessThan(0.02)
      expect(report.files.map(f => basename(f)).sort()).toEqual(readdirSync(out).sort())
      expect(new Set(stages)).toEqual(new Set(['calibrate', 'compare']))
      const { description, weights } = readModel(out)
      const model = new IntegerModel(description, weights, loadBackend())
      expect((await model.generate(loadTokenizer(out).encode('ROMEO:\n'), 2)).generated.length).toBe(2)
    } finally {
      rmSync(out, { recursive: true })
    }
  })

  it('names what is wrong, and stops when told', async () => {
    await expect(calibrateModel(demo, 'Ay.', tmpdir())).rejects.toThrow(/^text: expected at least 8 tokens/)
    await expect(calibrateModel(demo, text, tmpdir(), { bits: 17 })).rejects.toThrow(
      /^bits: expected 8 to 16, got 17/,
    )
    await expect(calibrateModel(demo, text, tmpdir(), { signal: AbortSignal.abort() })).rejects.toThrow(
      /abort/,
    )
  })
})

test('windows cover a text from its first token to its last, without overlap', () => {
  const text = Array.from({ length: 100 }, (_, i) => i)
  expect(textWindows(text, 30, 2)).toEqual([text.slice(0, 30), text.slice(70)])
  expect(textWindows(text, 30, 9).map(w => w[0])).toEqual([0, 35, 70])
  expect(textWindows(text, 200, 9)).toEqual([text])
})

test('a model that normalises after its sums is refused', () => {
  const checkpoint = randomCheckpoint({ ...CONFIGS.opt, do_layer_norm_before: false }, 1)
  const opened = loadCheckpoint(checkpoint.dir)
  const failed = quantiseCheckpoint(opened, [[1, 2, 3]]).finally(() => {
    opened.close()
    checkpoint.remove()
  })
  return expect(failed).rejects.toThrow('config.json: do_layer_norm_before: expected true, got false')
})
