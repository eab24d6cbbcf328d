import { describe, expect, it } from 'vitest'
import { loadBackend } from '../../backend/index.ts'
import { loadCheckpoint } from '../../import/checkpoint.ts'
import { checkProgram } from '../../program/check.ts'
import type { Tensor } from '../../program/program.ts'
import { decodeProof, encodeProof, type Statement } from '../../proof/files.ts'
import { type CommittedModel, commitModel, proveRun } from '../../proof/prove.ts'
import { verify } from '../../proof/verify.ts'
import { calibrate } from './calibrate.ts'
import { build, sequenceOf } from './program.ts'
import { CONFIGS, randomCheckpoint, randomTokens } from './testing.ts'
import { floatWeight } from './weights.ts'

const PROMPT = 4
const GENERATED = 3

const commitRandom = (json: Readonly<Record<string, unknown>>, seed: number): CommittedModel => {
  const { dir, remove } = randomCheckpoint(json, seed)
  const checkpoint = loadCheckpoint(dir)
  const { config } = checkpoint
  const windows = [1, 2, 3, 4].map(s => randomTokens(config, 24, s))
  const read = (name: string, shape: readonly number[]) =>
    floatWeight(config, n => checkpoint.read(n), name, shape)
  const { description, weights } = calibrate(loadBackend(), config, read, windows)
  checkpoint.close()
  remove()
  return commitModel(loadBackend(), description, weights, new Uint8Array(32).fill(seed), 4)
}

/** The proof's body under another statement. */
const restated = (proof: Uint8Array, change: (s: Statement) => Partial<Statement>): Uint8Array => {
  const { statement, body } = decodeProof(proof)
  return encodeProof({ ...statement, ...change(statement) }, body)
}

const other = (token: number | null): number => ((token ?? 0) + 1) % 61

describe.each(Object.entries(CONFIGS))('%s', (_, json) => {
  const target = commitRandom(json, 1)
  const prompt = randomTokens(target.model.description.config, PROMPT, 8)

  it.each([
    ['public', PROMPT, GENERATED, false],
    ['private', PROMPT, GENERATED, true],
    ['one position', 1, 1, true],
  ])('the witness satisfies its program: %s', async (_, length, count, hidden) => {
    const run = await target.model.generate(prompt.slice(0, length), count)
    const tokens = run.prompt.map(t => (hidden ? null : t))
    const { program, nodes } = build(target.model.description, sequenceOf(tokens, run.generated))
    const x = target.model.witness(run, program, nodes)
    const values = (t: Tensor) => (t.commitment === 'weights' ? target.model.weight(t) : x.values(t))
    expect(checkProgram(program, values)).toEqual([])
  })

  it('a public prompt: proven, verified, and no other statement', async () => {
    const run = await target.model.generate(prompt, GENERATED)
    const { file } = await proveRun(target, run)
    const verdict = verify(file, target.file, { prompt, generated: run.generated })
    expect(verdict).toMatchObject({ ok: true, statement: { prompt, generated: run.generated } })
    const wrongToken = restated(file, s => ({
      generated: s.generated.map((t, i) => (i === 1 ? other(t) : t)),
    }))
    expect(verify(wrongToken, target.file).ok).toBe(false)
    const wrongPrompt = restated(file, s => ({ prompt: s.prompt.map((t, i) => (i === 0 ? other(t) : t)) }))
    expect(verify(wrongPrompt, target.file).ok).toBe(false)
    expect(verify(file, target.file, { prompt: prompt.map(other) })).toMatchObject({
      ok: false,
      at: 'statement/prompt',
    })
    const stranger = commitRandom(json, 2)
    expect(verify(file, stranger.file)).toMatchObject({ ok: false, at: 'statement/commitment' })
    expect(
      verify(
        restated(file, () => ({ commitment: stranger.digest })),
        stranger.file,
      ).ok,
    ).toBe(false)
  })

  it('a private prompt is proven and not stated', async () => {
    const run = await target.model.generate(prompt, GENERATED)
    const { file, statement } = await proveRun(target, run, { privatePrompt: true })
    const hidden = prompt.map(() => null)
    expect(statement.prompt).toEqual(hidden)
    const verdict = verify(file, target.file)
    expect(verdict).toMatchObject({ ok: true, statement: { prompt: hidden, generated: run.generated } })
    const wrong = restated(file, s => ({ generated: s.generated.map((t, i) => (i === 0 ? other(t) : t)) }))
    expect(verify(wrong, target.file).ok).toBe(false)
  })
})
