/**
 * Cheating witnesses, by operator: each changes one thing and recomputes all that follows from it, so that as few
 * checks as possible notice; `fires` names exactly those that do. Tests only.
 */
import { type Execution, storeRescaled } from '../graph/execution.ts'
import type { ArgmaxNode } from '../ops/argmax/relation.ts'
import type { AttentionNode } from '../ops/attention/relation.ts'
import type { NormNode } from '../ops/norm/relation.ts'
import { integerSqrt, normAccumulators } from '../ops/norm/witness.ts'
import type { Node } from '../ops/registry.ts'
import type { Limbs, Rescaled } from '../ops/rescale/relation.ts'
import { finishNode, runNode } from '../ops/witness.ts'
import type { Lookup, Program, Tensor } from '../program/program.ts'
import { type Fixture, TOKENS } from './fixture.ts'

export interface Corruption {
  readonly name: string
  /** Relations, lookups and multiplicities that the checker reports, in program order. */
  readonly fires: readonly string[]
  apply(x: Execution): void
}

/** Multiplicities that balance as well as any can: every looked-up value that its table holds is counted. */
export const rebalance = (program: Program, x: Execution): void => {
  for (const tensor of program.multiplicities) x.ints(tensor).fill(0)
  const value = ({ offset, entries }: Lookup['columns'][number], i: number): number =>
    Number(entries.reduce((s, { coef, tensor }) => s + coef * BigInt(x.values(tensor)[i] ?? 0), offset))
  for (const { table, columns, shape } of program.lookups) {
    const multiplicity = program.multiplicities[table]
    const rows = program.tables[table]?.columns
    if (!multiplicity || !rows) continue
    const counts = x.ints(multiplicity)
    const low = rows === 'range' ? 0 : (rows[0]?.[0] ?? 0)
    const length = shape.reduce((p, s) => p * s, 1)
    for (let i = 0; i < length; i++) {
      const tuple = columns.map(column => value(column, i))
      const row = (tuple[0] ?? 0) - low
      const held = rows === 'range' || rows.every((column, k) => column[row] === tuple[k])
      if (row >= 0 && row < counts.length && held) counts[row] = (counts[row] ?? 0) + 1
    }
  }
}

const bump = (x: Execution, tensor: Tensor | undefined, index: number, by: number): void => {
  if (!tensor) throw new RangeError('no such tensor')
  const values = x.ints(tensor)
  values[index] = (values[index] ?? 0) + by
}
const limb = (value: Limbs | undefined, k = 0): Tensor | undefined => value?.tensors[k]

/** Splits any integer; the last limb takes what remains, in its range or not. */
const putLimbs = (x: Execution, { tensors }: Limbs, index: number, value: number): void => {
  let rest = value
  tensors.forEach((tensor, k) => {
    const high = k + 1 < tensors.length ? Math.floor(rest / 65536) : 0
    x.ints(tensor)[index] = rest - high * 65536
    rest = high
  })
}

const readLimbs = (x: Execution, value: Limbs, index: number): number =>
  value.tensors.reduce((s, t, k) => s + (x.ints(t)[index] ?? 0) * 65536 ** k, 0)

/** Another rescaled value, its remainder moved so that the identity holds. */
const shiftValue = (x: Execution, y: Rescaled, index: number): void => {
  bump(x, y.y.tensor, index, 1)
  if (y.remainder) putLimbs(x, y.remainder, index, readLimbs(x, y.remainder, index) - 2 ** y.shift)
}

const swapRows = (x: Execution, tensors: readonly (Tensor | undefined)[], width: number): void => {
  for (const tensor of tensors) {
    if (!tensor) continue
    const values = x.ints(tensor)
    const first = values.slice(0, width)
    values.copyWithin(0, width, 2 * width)
    values.set(first, width)
  }
}

/** R, y and what depends on them, from a token's sigma. */
const renormalise = (x: Execution, node: NormNode, token: number, change: { m?: bigint; sigma?: number; r?: number }): void => {
  const d = node.x.shape[1] ?? 1
  const { j, n, biasShift } = node.constants
  const m = (x.wide(node.m)[token] ?? 0n) + (change.m ?? 0n)
  const scaled = m << BigInt(2 * j)
  const sigma = integerSqrt(scaled) + (change.sigma ?? 0)
  const under = Number(scaled - BigInt(sigma) ** 2n)
  const inverse = Number(n / BigInt(sigma)) + (change.r ?? 0)
  const rest = Number(n - BigInt(inverse) * BigInt(sigma))
  x.wide(node.m)[token] = m
  x.ints(node.sigma)[token] = sigma
  x.wide(node.r)[token] = BigInt(inverse)
  for (const [limbs, value] of [
    [node.sigmaLimbs, sigma],
    [node.under, under],
    [node.over, 2 * sigma - under],
    [node.rLimbs, inverse],
    [node.rest, rest],
    [node.restCap, sigma - 1 - rest],
  ] as const) putLimbs(x, limbs, token, value)
  const c = (node.mean ? x.ints(node.mean.c) : x.wire(node.x)).slice(token * d, (token + 1) * d)
  const bias = node.bias ? x.weight(node.bias.tensor) : undefined
  storeRescaled(x, node.y, normAccumulators(c, inverse, x.weight(node.gain.tensor), bias, 2 ** biasShift), 0, token * d, d)
}

/** Another mean of a token: the centred row, M and all that follows. */
const recentre = (x: Execution, node: NormNode, token: number, by: number): void => {
  const d = node.x.shape[1] ?? 1
  if (!node.mean) throw new RangeError('no mean')
  const rho = readLimbs(x, node.mean.rho, token) - d * by
  bump(x, node.mean.mu.tensor, token, by)
  putLimbs(x, node.mean.rho, token, rho)
  putLimbs(x, node.mean.cap, token, d - 1 - rho)
  let square = 0n
  for (let i = 0; i < d; i++) {
    bump(x, node.mean.c, token * d + i, -by)
    square += BigInt(x.ints(node.mean.c)[token * d + i] ?? 0) ** 2n
  }
  x.wide(node.m)[token] = square + node.constants.e
  renormalise(x, node, token, {})
}

/** The attention row that ends the sequence, first repeat. */
const ROW = (TOKENS.length - 1) * 2

/** Outputs of one attention row, from whatever t, e and peak now hold. */
const remix = (x: Execution, node: AttentionNode, by = 0): void => {
  const tokens = TOKENS.length
  const [e, v, peak] = [x.ints(node.e), x.wire(node.v), x.ints(node.peak)]
  let [sum, peaks] = [0, 0]
  for (let j = 0; j < tokens; j++) {
    sum += e[ROW * tokens + j] ?? 0
    peaks += peak[ROW * tokens + j] ?? 0
  }
  putLimbs(x, node.count, ROW, peaks - 1)
  for (let h = 0; h < node.headDim; h++) {
    let mix = 0
    for (let j = 0; j < tokens; j++) mix += (e[ROW * tokens + j] ?? 0) * (v[j * node.headDim + h] ?? 0)
    const value = Math.floor((2 * mix + sum) / (2 * sum)) + (h === 0 ? by : 0)
    const rest = 2 * mix + sum - value * 2 * sum
    const at = ROW * node.headDim + h
    x.ints(node.y.tensor)[at] = value
    putLimbs(x, node.rem, at, rest)
    putLimbs(x, node.cap, at, 2 * sum - 1 - rest)
  }
}

/** Sets t of one pair of the row, with the exponential and peak that the table gives it. */
const setShift = (x: Execution, node: AttentionNode, key: number, t: number): void => {
  const at = ROW * TOKENS.length + key
  x.ints(node.t)[at] = t
  x.ints(node.e)[at] = node.exponentials[Math.max(0, t)] ?? 0
  x.ints(node.peak)[at] = t <= 0 ? 1 : 0
}

/** Another maximum of the row, its differences moved with it. */
const moveMaximum = (x: Execution, node: AttentionNode, by: number): void => {
  bump(x, node.max.tensor, ROW, by)
  for (let j = 0; j < TOKENS.length; j++) setShift(x, node, j, (x.ints(node.t)[ROW * TOKENS.length + j] ?? 0) + by)
  remix(x, node)
}

/** Chosen logits and differences from whatever rows now hold, in limbs that may leave their range. */
export const refillArgmax = (x: Execution, node: ArgmaxNode): void => {
  const [vocabulary, d] = node.head.tensor.shape as [number, number]
  const rows = x.ints(node.rows)
  const logits = x.backend.matmul(rows, x.weight(node.head.tensor), node.chosen.length, vocabulary, d)
  node.chosen.forEach((token, i) => {
    const best = logits[i * vocabulary + token] ?? 0n
    x.wide(node.best)[i] = best
    for (let v = 0; v < vocabulary; v++) {
      const rest = best - (logits[i * vocabulary + v] ?? 0n) - (v < token ? 1n : 0n)
      putLimbs(x, node.diff, i * vocabulary + v, Number(rest))
    }
  })
}

/** The witness of a false statement: honest up to the argmax, which does what it can. */
export const cheatArgmax = (fixture: Fixture): Execution => {
  const { nodes: { argmax }, program } = fixture
  const x = fixture.execute()
  const d = argmax.head.tensor.shape[1] ?? 1
  x.ints(argmax.rows).set(x.wire(argmax.x).subarray(argmax.first * d, (argmax.first + argmax.chosen.length) * d))
  refillArgmax(x, argmax)
  rebalance(program, x)
  return x
}

export const corruptions = (fixture: Fixture): Corruption[] => {
  const { nodes, order, program } = fixture
  const { embed, rms, layer, q, gate, rope, attention, table, relu, product, argmax } = nodes
  /** Recomputes every node behind one. */
  const follow = (x: Execution, node: Node): void => {
    for (const later of order.slice(order.indexOf(node) + 1)) {
      if (later.op === 'attention') for (const t of [later.e, later.peak]) x.ints(t).fill(0)
      runNode(x, later, 0, TOKENS.length, TOKENS)
      finishNode(x, later)
    }
  }
  const corrupt = (name: string, fires: string[], change: (x: Execution) => void, after?: Node): Corruption => ({
    name,
    fires,
    apply: x => {
      change(x)
      if (after) follow(x, after)
      rebalance(program, x)
    },
  })
  const tokenWhere = (x: Execution, test: (rho: number) => boolean): number =>
    x.ints(limb(layer.mean?.rho) ?? layer.m).findIndex(test)
  const last = ROW * TOKENS.length
  const d = embed.table.tensor.shape[1] ?? 1
  return [
    corrupt('embed: wrong remainder', ['embed'], x => bump(x, limb(embed.y.remainder), 0, x.ints(limb(embed.y.remainder) as Tensor)[0] === 7 ? -1 : 1)),
    corrupt('embed: another value', ['embed.r.0'], x => shiftValue(x, embed.y, 0), embed),
    corrupt('embed: swapped rows', ['embed'], x => swapRows(x, [embed.y.y.tensor, limb(embed.y.remainder)], d), embed),
    corrupt('linear: wrong remainder', ['q'], x => bump(x, limb(q.y.remainder), 0, 1)),
    corrupt('linear: another value', ['q.r.0'], x => shiftValue(x, q.y, 0), q),
    corrupt('linear: another value in a stacked relation', ['gate.r.0'], x => shiftValue(x, gate.y, 0), gate),
    corrupt('linear: a value outside its range', ['down', 'down'], x => bump(x, program.witness.find(t => t.name === 'down'), 0, 70_000)),
    corrupt('norm: wrong square', ['rms:N2 square'], x => renormalise(x, rms, 0, { m: 1n }), rms),
    corrupt('norm: root too large', ['rms.under.1'], x => renormalise(x, rms, 0, { sigma: 1 }), rms),
    corrupt('norm: root too small', ['rms.over.1'], x => renormalise(x, rms, 0, { sigma: -1 }), rms),
    corrupt('norm: inverse too large', ['rms.rest.1'], x => renormalise(x, rms, 0, { r: 1 }), rms),
    corrupt('norm: inverse too small', ['rms.rest.cap.1'], x => renormalise(x, rms, 0, { r: -1 }), rms),
    corrupt('norm: root other than its limbs', ['rms:N3 sigma'], x => bump(x, limb(rms.sigmaLimbs), 0, 1)),
    corrupt('norm: wrong distance to the root', ['rms:N3 root'], x => {
      bump(x, limb(rms.under), 0, 1)
      bump(x, limb(rms.over), 0, -1)
    }),
    corrupt('norm: wrong distance to the next root', ['rms:N3 next'], x => bump(x, limb(rms.over), 0, 1)),
    corrupt('norm: inverse other than its limbs', ['rms:N4 inverse'], x => bump(x, limb(rms.rLimbs), 0, 1)),
    corrupt('norm: wrong rest', ['rms:N4 quotient'], x => {
      bump(x, limb(rms.rest), 0, 1)
      bump(x, limb(rms.restCap), 0, -1)
    }),
    corrupt('norm: wrong rest below the root', ['rms:N4 remainder'], x => bump(x, limb(rms.restCap), 0, 1)),
    corrupt('norm: wrong remainder', ['rms:N5 scale'], x => bump(x, limb(rms.y.remainder), 0, 1)),
    corrupt('norm: another value', ['rms.r.1'], x => shiftValue(x, rms.y, 0), rms),
    corrupt('norm: a limb outside its range', ['rms:N3 sigma', 'rms.sigma.1'], x => bump(x, limb(rms.sigmaLimbs, 1), 0, 4096)),
    corrupt('norm: an inverse outside its range', ['rms:N4 inverse', 'rms.inverse.2'], x => bump(x, limb(rms.rLimbs, 2), 0, 4)),
    corrupt('norm: mean too large', ['layer.mean.rho.0'], x => recentre(x, layer, tokenWhere(x, rho => rho >= 4), 1), layer),
    corrupt('norm: mean too small', ['layer.mean.cap.0'], x => recentre(x, layer, tokenWhere(x, rho => rho <= 1), -1), layer),
    corrupt('norm: wrong mean remainder', ['layer:N1 mean'], x => {
      bump(x, limb(layer.mean?.rho), 0, 1)
      bump(x, limb(layer.mean?.cap), 0, -1)
    }),
    corrupt('norm: wrong mean remainder below d', ['layer:N1 remainder'], x => bump(x, limb(layer.mean?.cap), 1, 1)),
    corrupt('norm: wrong centre', ['layer:N1 centre', 'layer:N2 square', 'layer:N5 scale'], x => bump(x, layer.mean?.c, 0, 1)),
    corrupt('norm: wrong high limb of the mean', ['layer.mean.high', 'layer.mean'], x => bump(x, layer.mean?.mu.high, 0, 2)),
    corrupt('rope: wrong remainder', ['q.rope 0'], x => bump(x, limb(rope.y.remainder), 0, 1)),
    corrupt('rope: another value', ['q.rope.r.0'], x => shiftValue(x, rope.y, 0), rope),
    corrupt('rope: a value outside its range', ['q.rope 0', 'attention:S1 scores', 'q.rope'], x => bump(x, rope.y.y.tensor, 0, 70_000)),
    corrupt('rope: swapped halves', ['q.rope 0', 'q.rope 1'], x => swapRows(x, [rope.y.y.tensor, limb(rope.y.remainder)], rope.x.shape.slice(1).reduce((p, s) => p * s, 1)), rope),
    corrupt('attention: wrong score remainder', ['attention:S1 scores'], x => bump(x, limb(attention.z.remainder), 0, 1)),
    corrupt('attention: another score', ['attention.z.r.0'], x => {
      shiftValue(x, attention.z, last)
      setShift(x, attention, 0, (x.ints(attention.t)[last] ?? 0) - 1)
      remix(x, attention)
    }, attention),
    corrupt('attention: row maximum too large', ['attention.count.0'], x => moveMaximum(x, attention, 1), attention),
    corrupt('attention: row maximum too small', ['attention:S3 exponential'], x => moveMaximum(x, attention, -1), attention),
    corrupt('attention: wrong high limb of the maximum', ['attention.max'], x => bump(x, attention.max.high, ROW, 1)),
    corrupt('attention: a seen key masked', ['attention:S2 shift'], x => {
      setShift(x, attention, 0, 65535)
      remix(x, attention)
    }, attention),
    corrupt('attention: a hidden key seen', ['attention:S2 shift'], x => bump(x, attention.t, 1, -1)),
    corrupt('attention: wrong exponential', ['attention:S3 exponential'], x => {
      bump(x, attention.e, last, 1)
      remix(x, attention)
    }, attention),
    corrupt('attention: exponential of a masked key', ['attention:S5 divide', 'attention:S5 remainder', 'attention:S3 exponential'], x => bump(x, attention.e, 1, 1)),
    corrupt('attention: a false peak', ['attention:S3 exponential'], x => {
      bump(x, attention.peak, last, 1)
      remix(x, attention)
    }, attention),
    corrupt('attention: wrong count of peaks', ['attention:S4 maximum'], x => bump(x, limb(attention.count), 0, 1)),
    corrupt('attention: wrong remainder', ['attention:S5 divide'], x => {
      bump(x, limb(attention.rem), 0, 1)
      bump(x, limb(attention.cap), 0, -1)
    }),
    corrupt('attention: wrong rest below the sum', ['attention:S5 remainder'], x => bump(x, limb(attention.cap), 0, -1)),
    corrupt('attention: a value outside its range', ['attention:S5 divide', 'o', 'attention.out'], x => bump(x, attention.y.tensor, 0, 70_000)),
    corrupt('attention: a maximum outside its range', ['attention.max.high', 'attention.max'], x => bump(x, attention.max.high, ROW, 4096)),
    corrupt('attention: quotient too large', ['attention.rem.1'], x => remix(x, attention, 1), attention),
    corrupt('attention: quotient too small', ['attention.cap.1'], x => remix(x, attention, -1), attention),
    corrupt('table: another output', ['silu'], x => bump(x, table.y, 0, 1), table),
    corrupt('table: swapped rows', ['silu'], x => swapRows(x, [table.y], table.x.shape[1] ?? 1), table),
    corrupt('relu: wrong sign', ['relu.magnitude.0'], x => {
      bump(x, relu.sign, 0, 1)
      bump(x, limb(relu.magnitude), 0, 32768)
      x.ints(relu.y)[0] = 0
    }, relu),
    corrupt('relu: a sign that is no bit', ['relu:bit', 'relu:gate', 'relu.magnitude.0'], x => {
      bump(x, relu.sign, 0, 2)
      bump(x, limb(relu.magnitude), 0, 65536)
    }),
    corrupt('relu: wrong magnitude', ['relu:decompose'], x => {
      bump(x, limb(relu.magnitude), 0, 1)
      bump(x, relu.y, 0, 1)
    }, relu),
    corrupt('relu: a negative value passed', ['relu:gate'], x => {
      x.ints(relu.y)[3] = x.ints(limb(relu.magnitude) as Tensor)[3] ?? 0
    }, relu),
    corrupt('product: wrong remainder', ['gated'], x => bump(x, limb(product.y.remainder), 0, 1)),
    corrupt('product: another value', ['gated.r.0'], x => shiftValue(x, product.y, 0), product),
    corrupt('argmax: another row', ['argmax:rows'], x => {
      bump(x, argmax.rows, 0, 1)
      refillArgmax(x, argmax)
    }),
    corrupt('argmax: wrong chosen logit', ['argmax:logits'], x => {
      const best = x.wide(argmax.best)
      best[0] = (best[0] ?? 0n) + 1n
    }),
    corrupt('argmax: chosen logit raised with every difference', ['argmax:chosen'], x => {
      const best = x.wide(argmax.best)
      best[0] = (best[0] ?? 0n) + 1n
      for (let v = 0; v < (argmax.head.tensor.shape[0] ?? 0); v++) putLimbs(x, argmax.diff, v, readLimbs(x, argmax.diff, v) + 1)
    }),
    {
      name: 'lookup: a multiplicity of -1',
      fires: ['multiplicity range 16'],
      apply: x => {
        x.ints(program.multiplicities[program.tables.findIndex(t => t.name === 'range 16')] as Tensor)[65_535] = -1
      },
    },
  ]
}
