/** Forward and backward passes through other layers, gates, weights and pixels. Tests only. */
import { fInv, P } from '../../field/goldilocks.ts'
import type { Limbs } from '../../ops/rescale/relation.ts'
import type { WindowFixture } from '../fixture.ts'
import type { Stage } from '../network.ts'
import type { HiddenTensors } from '../program/frame.ts'
import { type Attack, changed } from './common.ts'
import type { Cheat, Kernels } from './forge.ts'

export const stageAttacks = (mlp: WindowFixture, square: WindowFixture): Attack[] => {
  const { values } = mlp.run
  const hidden = mlp.window.stages[0]?.hidden as HiddenTensors
  const own = values.stages[0]?.hidden as NonNullable<(typeof values.stages)[number]['hidden']>
  const range = 2 ** mlp.spec.config.precision.activationBits
  const { units, shift } = mlp.window.network.stages[0] as Stage
  const { backShift } = mlp.window.network.stages[1] as Stage
  const remainder = mlp.window.stages[0]?.remainder as Limbs
  const batch = mlp.spec.config.batch
  const negative = own.sign.findIndex((b, i) => b === 1 && own.g[i] !== 0)
  const positive = own.a.findIndex(a => a > 0)
  const z = (own.magnitude[negative] as number) - range
  const flipped = (i: number): number => (i % units) * batch + Math.floor(i / units)
  /** z < 0 with bit 0. */
  const open: Kernels = {
    input: (l, _, u) => (l === 1 ? changed(u, negative, () => z) : u),
    gz: (l, _, gz, g) =>
      l === 0 ? changed(gz, flipped(negative), () => g[flipped(negative)] as number) : gz,
  }
  const on = (fixture: WindowFixture, name: string, cheat: Cheat, fires: string[]): Attack => ({
    name,
    fixture,
    cheat,
    fires,
  })
  /** A bit in the field that makes z of magnitude 0: a and gz stay 0. */
  const idle = own.sign.findIndex((b, i) => b === 1 && own.g[i] === 0 && own.magnitude[i] !== 0)
  const bit = (((-BigInt((own.magnitude[idle] as number) - range) * fInv(BigInt(range))) % P) + P) % P
  const doubled = (x: Float64Array): Float64Array => x.map(v => 2 * v)
  return [
    on(
      square,
      'a skipped layer',
      { kernels: { input: (l, _, u, read) => (l === 2 ? (read[1] as Int32Array) : u) } },
      ['dense3:forward', 'dense3:update'],
    ),
    on(
      square,
      'another bias in the forward pass',
      {
        kernels: {
          forwardWeights: (l, _, w) => (l === 2 ? { ...w, bias: w.bias.map(v => v + 2 ** 12) } : w),
        },
      },
      ['dense3:forward'],
    ),
    on(
      mlp,
      'an activation raised',
      {
        kernels: { input: (l, _, u) => (l === 1 ? changed(u, positive, a => a + 1) : u) },
        edit: x => {
          x.ints(hidden.a)[positive] = (own.a[positive] as number) + 1
        },
      },
      ['dense1:relu'],
    ),
    on(
      mlp,
      'a negative value with a positive sign',
      {
        kernels: open,
        edit: x => {
          x.ints(hidden.sign)[negative] = 0
          x.ints(hidden.a)[negative] = z
          x.limbs(hidden.magnitude, negative, z)
        },
      },
      [hidden.magnitude.tensors[0]?.name ?? ''],
    ),
    ...(idle < 0
      ? []
      : [
          on(
            mlp,
            'a sign that is no bit',
            {
              edit: x => {
                const sign = BigInt64Array.from(x.ints(hidden.sign), BigInt)
                sign[idle] = BigInt.asIntN(64, bit > P / 2n ? bit - P : bit)
                x.put(hidden.sign, sign)
                x.limbs(hidden.magnitude, idle, 0)
              },
            },
            ['dense1:bit'],
          ),
        ]),
    on(
      mlp,
      'a pre-activation one larger, its remainder negative',
      {
        kernels: {
          forward: (l, _, z) => (l === 0 ? { ...z, value: changed(z.value, positive, v => v + 1) } : z),
        },
        edit: x =>
          x.limbs(remainder, positive, (values.stages[0]?.remainder[positive] as number) - 2 ** shift),
      },
      [remainder.tensors.at(-1)?.name ?? ''],
    ),
    on(
      mlp,
      'a gradient one larger, its remainder negative',
      {
        kernels: {
          backward: (l, _, g) => (l === 1 ? { ...g, value: changed(g.value, positive, v => v + 1) } : g),
        },
        edit: x =>
          x.limbs(
            hidden.g.remainder as Limbs,
            positive,
            (own.gRemainder[positive] as number) - 2 ** backShift,
          ),
      },
      [hidden.g.remainder?.tensors.at(-1)?.name ?? ''],
    ),
    on(
      mlp,
      'a gradient scaled by 2',
      {
        kernels: { backward: (l, _, g) => (l === 1 ? { ...g, value: doubled(g.value) } : g) },
      },
      ['dense2:backward'],
    ),
    on(
      mlp,
      'a gradient that flows back through other weights',
      {
        kernels: { backwardWeights: (l, _, w) => (l === 2 ? doubled(w) : w) },
      },
      ['dense3:backward'],
    ),
    on(mlp, 'a gate that is always open', { kernels: { gz: (l, _, gz, g) => (l === 0 ? g : gz) } }, [
      'dense1:gate',
    ]),
    on(
      square,
      'a gate from another layer',
      {
        kernels: {
          gz: (l, _, gz, g, read) => {
            const other = read[2] as Int32Array
            const { batch: rows } = square.spec.config
            return l === 0
              ? g.map((v, i) => ((other[(i % rows) * 6 + Math.floor(i / rows)] as number) > 0 ? v : 0))
              : gz
          },
        },
      },
      ['dense1:gate'],
    ),
  ]
}

export const gatherAttacks = (fixture: WindowFixture): Attack[] => [
  {
    name: 'padding read as a pixel',
    fixture,
    cheat: {
      kernels: {
        gather: (l, _, u) => {
          if (l === 0) u[0] = 7
        },
      },
    },
    fires: ['conv1:gather'],
  },
  {
    name: 'a pool that counts a pixel twice',
    fixture,
    cheat: {
      kernels: {
        gather: (l, _, u) => {
          if (l === 1) u[u.length - 1] = (u.at(-1) as number) + 5
        },
      },
    },
    fires: ['conv2:gather'],
  },
]
