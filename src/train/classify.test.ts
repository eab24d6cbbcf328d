import { expect, test } from 'vitest'
import { loadBackend } from '../backend/index.ts'
import { seededRandom } from '../proof/testing.ts'
import { proveClassification } from './classify.ts'
import { type FixtureKind, windowFixture } from './fixture.ts'
import { infer } from './integer/evaluate.ts'
import { planNetwork } from './network.ts'
import { commitData, commitState } from './prove.ts'
import { verifyClassification } from './verify.ts'
import type { Dataset } from './data/dataset.ts'

const backend = loadBackend()
const seed = (n: number): Uint8Array => new Uint8Array(32).fill(n)

const classify = async (kind: FixtureKind, privateImages: boolean) => {
  const { spec, run, dataset } = windowFixture(backend, kind, { steps: 2 })
  const set = { ...spec.config.input, classes: spec.config.classes, ...dataset } as unknown as Dataset
  const data = commitData(backend, spec.config, set, seed(1), 8)
  const commitment = commitState(backend, spec.config, run.next, data.file, seed(3), 8)
  const features = planNetwork(spec.config).features
  const pixels = dataset.pixels.subarray(0, 3 * features)
  const logits = infer(backend, spec.config, planNetwork(spec.config), run.next, pixels)
  const proven = await proveClassification(backend, { commitment, state: run.next }, pixels, { privateImages, random: seededRandom(1) })
  return { commitment, logits, proven, pixels }
}

test.each([
  ['mlp', false],
  ['cnn', true],
] as const)('a trained %s classifies under the commitment that its training ends in', async (kind, hidden) => {
  const { commitment, logits, proven, pixels } = await classify(kind, hidden)
  expect(proven.logits).toEqual(logits)
  const verdict = verifyClassification(proven.file, commitment.file)
  expect(verdict).toMatchObject({ ok: true, statement: { classes: proven.statement.classes } })
  expect(proven.statement.images === null).toBe(hidden)
  const hex = Buffer.from(pixels.subarray(0, 8)).toString('hex')
  expect(Buffer.from(proven.file).toString('latin1').includes(hex)).toBe(!hidden)
})

test('another class, image or commitment is rejected', async () => {
  const { commitment, proven } = await classify('mlp', false)
  const text = new TextDecoder('latin1').decode(proven.file)
  const change = (from: RegExp, to: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(from, to), 'latin1'))
  const [first] = proven.statement.classes
  const other = change(/"classes":\[\d/, `"classes":[${((first ?? 0) + 1) % 3}`)
  expect(verifyClassification(other, commitment.file)).toMatchObject({ ok: false })
  expect(verifyClassification(change(/"images":"[0-9a-f]{2}/, '"images":"00'), commitment.file)).toMatchObject({ ok: false })
  expect(verifyClassification(change(/"images":"[0-9a-f]{2}/, '"images":"'), commitment.file)).toMatchObject({ ok: false })
  const changed = Uint8Array.from(Buffer.from(new TextDecoder().decode(commitment.file).replace(/"tail":\d/, '"tail":9')))
  expect(verifyClassification(proven.file, changed)).toMatchObject({ ok: false, at: 'statement/commitment' })
})
