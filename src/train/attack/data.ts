/** Other examples, pixels and labels than the data set's at the step's places. Tests only. */
import type { WindowFixture } from '../fixture.ts'
import type { Batches } from '../integer/window.ts'
import { gatherBatches } from '../data/batches.ts'
import { batchIndices } from '../sampling.ts'
import { type Attack, changed, exampleOf, logitGradient } from './common.ts'
import type { Cheat } from './forge.ts'

/** The trainer's batch by another choice of examples. */
const rowsOf = (batches: Batches, features: number, order: readonly number[]): Batches => ({
  pixels: Uint8Array.from(order.flatMap(i => [...batches.pixels.slice(i * features, (i + 1) * features)])),
  labels: Int32Array.from(order, i => batches.labels[i] as number),
})

export const dataAttacks = (fixture: WindowFixture): Attack[] => {
  const { spec, window, batches, dataset } = fixture
  const { features } = window.network
  const { classes } = spec.config
  const example = exampleOf(fixture)
  const place = batchIndices(spec.seed, spec.examples, spec.config.batch, spec.firstStep)[example] as number
  const labels = Int32Array.from(batches.labels)
  const wrong = labels.slice()
  wrong[0] = ((wrong[0] as number) + 1) % classes
  const both = ['batch', 'label:place']
  const attack = (name: string, cheat: Cheat, fires: string[]): Attack => ({ name, fixture, cheat, fires })
  const other = gatherBatches({ ...spec, firstStep: spec.firstStep + 1 }, dataset, features)
  const strange = Array.from(dataset.pixels)
  strange[place * features] = 300
  const pixel = example * features
  const beyond = Array.from(dataset.labels)
  beyond[place] = classes
  const label = labels[example] as number
  const unit = 2 ** spec.config.precision.gradientScale
  /** Another row of the one-hot matrix, and the gradients that follow. */
  const row = (oneHot: readonly number[]): Pick<Cheat, 'kernels' | 'edit'> => ({
    kernels: logitGradient(
      fixture,
      example,
      oneHot.map((h, o) => unit * ((o === label ? 1 : 0) - h)),
    ),
    edit: x =>
      oneHot.forEach((h, o) => {
        x.ints(window.loss.oneHot)[example * classes + o] = h
      }),
  })
  const ones = Array.from({ length: classes }, (_, o) => (o === 0 || o === label ? 1 : 0))
  return [
    attack('the batch of another step', { batches: other }, both),
    attack('reordered examples', { batches: rowsOf(batches, features, [1, 0, 2, 3]) }, both),
    attack('an example twice', { batches: rowsOf(batches, features, [0, 0, 2, 3]) }, both),
    attack('a wrong label', { batches: { pixels: batches.pixels, labels: wrong } }, ['label:place']),
    attack(
      'a pixel of 300',
      {
        dataset: { pixels: strange, labels: dataset.labels },
        kernels: { input: (l, _, u) => (l === 0 ? changed(u, pixel, () => 300) : u) },
        edit: x => {
          x.ints(window.pixels)[pixel] = 300
        },
      },
      ['pixels.0'],
    ),
    attack(
      "a pixel that is not the data set's",
      {
        kernels: { input: (l, _, u) => (l === 0 ? changed(u, 0, p => p ^ 1) : u) },
        edit: x => {
          const p = x.ints(window.pixels)
          p[0] = (p[0] as number) ^ 1
        },
      },
      ['batch'],
    ),
    attack(
      'a label beyond the classes, as a sum of two',
      { dataset: { pixels: dataset.pixels, labels: beyond }, ...row([0, 1, 1]) },
      ['label:one'],
    ),
    attack('a row with two ones', row(ones), ['label:one']),
    attack(
      'a row of ones and minus ones',
      {
        dataset: {
          pixels: dataset.pixels,
          labels: Array.from(dataset.labels, (y, i) => (i === place ? 1 : y)),
        },
        ...row([1, -1, 1]),
      },
      ['label:bit'],
    ),
  ]
}
