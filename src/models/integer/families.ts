/** LLaMA, GPT-2 and OPT as compositions of operators. Relations of all layers share group names, hence are stacked. */
import { InputError } from '../../errors.ts'
import type { Wire } from '../../graph/graph.ts'
import type { ModelConfig } from '../../import/config.ts'
import { BLIND_ENTRIES, BLIND_NAME } from '../../proof/commitment.ts'
import type { PublicTensor } from '../../program/program.ts'
import type { ModelBuilder } from './builder.ts'
import { causalMasks, rotaryTables } from './publics.ts'

/** A sequence: tokens by position (null where private), and the generated ones that the argmax must choose. */
export interface Sequence {
  readonly tokens: readonly (number | null)[]
  /** Position whose logits choose the first of `chosen`. */
  readonly first: number
  readonly chosen: readonly number[]
}

interface Context {
  readonly m: ModelBuilder
  readonly config: ModelConfig
  readonly masks: { seen: PublicTensor; hidden: PublicTensor }
  readonly rotary: { cos: PublicTensor; sin: PublicTensor } | undefined
}

/** The scale a bias may have: no finer than its accumulator. */
const accumulatorScale = (x: Wire, w: { scale: number }): number => x.scale + w.scale

const project = (
  c: Context,
  at: string,
  group: string,
  x: Wire,
  outer: readonly number[],
  options: { bias: boolean; lead?: boolean; residual?: boolean; covered?: boolean },
): Wire => {
  const w = c.m.weight(at, [...outer, ...x.shape.slice(1)])
  const bias = options.bias ? c.m.weight(`${at}.bias`, outer, accumulatorScale(x, w)) : undefined
  return c.m.linear(
    { name: `${at}.out`, group, x, w, bias, outer, lead: options.lead, covered: options.covered },
    options.residual,
  )
}

const norm = (c: Context, at: string, group: string, x: Wire): Wire => {
  const kind = c.config.family === 'llama' ? 'rms' : 'layer'
  const gain = c.m.weight(`${at}.gain`, [c.config.hiddenSize])
  const bias = kind === 'layer' ? c.m.weight(`${at}.bias`, [c.config.hiddenSize], 30) : undefined
  return c.m.norm({ name: `${at}.out`, group, kind, x, gain, bias, eps: c.config.normEps })
}

const selfAttention = (c: Context, at: string, x: Wire): Wire => {
  const { heads, kvHeads, headDim, attentionBias } = c.config
  const repeats = heads / kvHeads
  const rotary = c.rotary !== undefined
  const dim = rotary ? headDim / 2 : headDim
  const half = rotary ? [2] : []
  const part = (name: string, outer: number[], lead: boolean): Wire =>
    project(c, `${at}.${name}`, name, x, outer, { bias: attentionBias, lead })
  let q = part('q', [...half, repeats, kvHeads, dim], rotary)
  let k = part('k', [...half, kvHeads, dim], rotary)
  const v = part('v', [kvHeads, headDim], false)
  if (c.rotary) {
    q = c.m.rope({ name: `${at}.q.rope`, group: 'q.rope', x: q, ...c.rotary })
    k = c.m.rope({ name: `${at}.k.rope`, group: 'k.rope', x: k, ...c.rotary })
  }
  const mixed = c.m.attention({
    name: `${at}.attention`,
    group: 'attention',
    q,
    k,
    v,
    rotary,
    ...c.masks,
    headDim,
  })
  return project(c, `${at}.o`, 'o', mixed, [c.config.hiddenSize], { bias: attentionBias, residual: true })
}

const mlp = (c: Context, at: string, x: Wire): Wire => {
  const { ffSize, hiddenSize, mlpBias, activation, family } = c.config
  const bias = mlpBias
  if (family === 'llama') {
    const gate = project(c, `${at}.gate`, 'gate', x, [ffSize], { bias, covered: true })
    const up = project(c, `${at}.up`, 'up', x, [ffSize], { bias })
    const active = c.m.table(`${at}.active`, activation, gate)
    const gated = c.m.product({ name: `${at}.gated`, group: 'gated', a: active, b: up })
    return project(c, `${at}.down`, 'down', gated, [hiddenSize], { bias, residual: true })
  }
  const covered = activation !== 'relu'
  const inner = project(c, `${at}.fc1`, 'fc1', x, [ffSize], { bias, covered })
  const active =
    activation === 'relu'
      ? c.m.relu(`${at}.active`, 'active', inner)
      : c.m.table(`${at}.active`, activation, inner)
  return project(c, `${at}.fc2`, 'fc2', active, [hiddenSize], { bias, residual: true })
}

/** Builds the program of one sequence. @throws InputError naming what the model cannot do */
export const buildModel = (m: ModelBuilder, config: ModelConfig, sequence: Sequence): void => {
  const count = sequence.tokens.length
  if (count < 1) throw new InputError('tokens', 'at least one token', '0')
  if (count > config.maxPositions) {
    throw new InputError('tokens', `at most ${config.maxPositions} positions`, `${count}`)
  }
  for (const token of [...sequence.tokens, ...sequence.chosen]) {
    if (token !== null && !(Number.isInteger(token) && token >= 0 && token < config.vocabSize)) {
      throw new InputError('tokens', `ids in [0, ${config.vocabSize})`, `${token}`)
    }
  }
  if (sequence.chosen.length < 1 || sequence.first + sequence.chosen.length > count) {
    throw new InputError(
      'tokens',
      'generated tokens that follow their positions',
      `${sequence.chosen.length} from ${sequence.first} of ${count}`,
    )
  }
  const c: Context = {
    m,
    config,
    masks: causalMasks(count),
    rotary: config.family === 'llama' ? rotaryTables(config, count) : undefined,
  }
  m.program.weight(BLIND_NAME, [BLIND_ENTRIES], 0)
  const table = m.weight('embed', [config.vocabSize, config.hiddenSize])
  const offset = config.family === 'opt' ? 2 : 0
  const positions =
    config.family === 'llama'
      ? undefined
      : m.weight('positions', [config.maxPositions + offset, config.hiddenSize])
  let h = m.embed({ name: 'embedding', tokens: sequence.tokens, table, positions, positionOffset: offset })
  const before = config.family !== 'opt' || config.doLayerNormBefore
  if (!before) throw new InputError('config.json: do_layer_norm_before', 'true', 'false')
  for (let layer = 0; layer < config.layers; layer++) {
    const at = `l${layer}`
    h = m.sum(`${at}.h1`, h, selfAttention(c, at, norm(c, `${at}.norm1`, 'norm1', h)))
    h = m.sum(`${at}.h2`, h, mlp(c, at, norm(c, `${at}.norm2`, 'norm2', h)))
  }
  const x = norm(c, 'norm', 'norm', h)
  const head = config.tiedHead ? table : m.weight('head', [config.vocabSize, config.hiddenSize])
  m.argmax({ name: 'argmax', x, head, first: sequence.first, chosen: sequence.chosen })
}
