/**
 * A slow oracle for tests: the three families one token at a time with a cache of keys and values, in double
 * precision, on plain arrays, sharing nothing with the graph.
 */
import type { Activation, ModelConfig } from '../../import/config.ts'
import type { FloatTensor } from '../../import/tensor.ts'

type Vec = number[]
type Weights = ReadonlyMap<string, FloatTensor>

const plus = (a: Vec, b: Vec): Vec => a.map((v, i) => v + b[i]!)
const dot = (a: Vec, b: Vec): number => a.reduce((s, v, i) => s + v * b[i]!, 0)
const meanOf = (a: Vec): number => a.reduce((s, v) => s + v, 0) / a.length

function vector(w: Weights, name: string): Vec {
  return Array.from(w.get(name)!.data)
}
function row(w: Weights, name: string, i: number): Vec {
  const { shape, data } = w.get(name)!
  return Array.from(data.subarray(i * shape[1]!, (i + 1) * shape[1]!))
}

/** `W x + b` with `W` `[out, in]`, b if there is one. */
function dense(w: Weights, name: string, x: Vec): Vec {
  const y = Array.from({ length: w.get(`${name}.weight`)!.shape[0]! }, (_, o) =>
    dot(row(w, `${name}.weight`, o), x),
  )
  return w.has(`${name}.bias`) ? plus(y, vector(w, `${name}.bias`)) : y
}
/** `x W + b` with `W` `[in, out]`. */
function conv1d(w: Weights, name: string, x: Vec): Vec {
  return x.reduce(
    (y, v, i) =>
      plus(
        y,
        row(w, `${name}.weight`, i).map(e => e * v),
      ),
    vector(w, `${name}.bias`),
  )
}

function layerNorm(w: Weights, name: string, x: Vec, eps: number): Vec {
  const mean = meanOf(x)
  const deviation = Math.sqrt(meanOf(x.map(v => (v - mean) ** 2)) + eps)
  const [gain, bias] = [vector(w, `${name}.weight`), vector(w, `${name}.bias`)]
  return x.map((v, i) => ((v - mean) / deviation) * gain[i]! + bias[i]!)
}
function rmsNorm(w: Weights, name: string, x: Vec, eps: number): Vec {
  const gain = vector(w, `${name}.weight`)
  return x.map((v, i) => (v / Math.sqrt(meanOf(x.map(e => e * e)) + eps)) * gain[i]!)
}

/** erf by its Taylor series, good to 1e-12 for |x| < 4. */
function erf(x: number): number {
  let [term, total] = [x, x]
  for (let n = 1; n < 120; n++) {
    term *= (-x * x) / n
    total += term / (2 * n + 1)
  }
  return (total * 2) / Math.sqrt(Math.PI)
}
const activate: Record<Activation, (x: number) => number> = {
  relu: x => Math.max(0, x),
  silu: x => x / (1 + Math.exp(-x)),
  gelu: x => (x / 2) * (1 + erf(x / Math.sqrt(2))),
  gelu_new: x => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
}

/** Plane i turns by `position * theta^(-2i/d)`; unscaled frequencies only. */
function turn(x: Vec, position: number, theta: number): Vec {
  const half = x.length / 2
  return x.map((v, j) => {
    const angle = position * theta ** ((-2 * (j % half)) / x.length)
    const other = j < half ? -x[j + half]! : x[j - half]!
    return v * Math.cos(angle) + other * Math.sin(angle)
  })
}

interface Cache {
  keys: Vec[]
  values: Vec[]
}

/** Appends this position's key and value, then mixes all values so far. */
function attend(c: ModelConfig, cache: Cache, q: Vec, k: Vec, v: Vec, position: number): Vec {
  const head = (x: Vec, h: number) => x.slice(h * c.headDim, (h + 1) * c.headDim)
  const rotated = (x: Vec) => (c.family === 'llama' ? turn(x, position, c.ropeTheta) : x)
  cache.keys.push(k)
  cache.values.push(v)
  return Array.from({ length: c.heads }, (_, h) => {
    const shared = Math.floor((h * c.kvHeads) / c.heads)
    const query = rotated(head(q, h))
    const scores = cache.keys.map((key, at) => {
      const turned = c.family === 'llama' ? turn(head(key, shared), at, c.ropeTheta) : head(key, shared)
      return Math.exp(dot(query, turned) / Math.sqrt(c.headDim))
    })
    const total = scores.reduce((a, b) => a + b, 0)
    return cache.values.reduce<Vec>(
      (out, value, at) =>
        plus(
          out,
          head(value, shared).map(e => (e * scores[at]!) / total),
        ),
      new Array<number>(c.headDim).fill(0),
    )
  }).flat()
}

type Step = (x: Vec, layer: number, cache: Cache, position: number) => Vec

const steps: Record<ModelConfig['family'], (c: ModelConfig, w: Weights) => Step> = {
  llama: (c, w) => (x, i, cache, t) => {
    const at = `model.layers.${i}.`
    const n = rmsNorm(w, `${at}input_layernorm`, x, c.normEps)
    const [q, k, v] = ['q', 'k', 'v'].map(p => dense(w, `${at}self_attn.${p}_proj`, n)) as [Vec, Vec, Vec]
    const h = plus(x, dense(w, `${at}self_attn.o_proj`, attend(c, cache, q, k, v, t)))
    const m = rmsNorm(w, `${at}post_attention_layernorm`, h, c.normEps)
    const up = dense(w, `${at}mlp.up_proj`, m)
    const gated = dense(w, `${at}mlp.gate_proj`, m).map((g, j) => activate[c.activation](g) * up[j]!)
    return plus(h, dense(w, `${at}mlp.down_proj`, gated))
  },
  gpt2: (c, w) => (x, i, cache, t) => {
    const at = `transformer.h.${i}.`
    const qkv = conv1d(w, `${at}attn.c_attn`, layerNorm(w, `${at}ln_1`, x, c.normEps))
    const part = (p: number) => qkv.slice(p * c.hiddenSize, (p + 1) * c.hiddenSize)
    const h = plus(x, conv1d(w, `${at}attn.c_proj`, attend(c, cache, part(0), part(1), part(2), t)))
    const up = conv1d(w, `${at}mlp.c_fc`, layerNorm(w, `${at}ln_2`, h, c.normEps))
    return plus(h, conv1d(w, `${at}mlp.c_proj`, up.map(activate[c.activation])))
  },
  opt: (c, w) => (x, i, cache, t) => {
    const at = `model.decoder.layers.${i}.`
    const before = (name: string, v: Vec) => (c.doLayerNormBefore ? layerNorm(w, at + name, v, c.normEps) : v)
    const after = (name: string, v: Vec) => (c.doLayerNormBefore ? v : layerNorm(w, at + name, v, c.normEps))
    const n = before('self_attn_layer_norm', x)
    const [q, k, v] = ['q', 'k', 'v'].map(p => dense(w, `${at}self_attn.${p}_proj`, n)) as [Vec, Vec, Vec]
    const mixed = dense(w, `${at}self_attn.out_proj`, attend(c, cache, q, k, v, t))
    const h = after('self_attn_layer_norm', plus(x, mixed))
    const up = dense(w, `${at}fc1`, before('final_layer_norm', h)).map(activate[c.activation])
    return after('final_layer_norm', plus(h, dense(w, `${at}fc2`, up)))
  },
}

/** Embedding, final norm (or none) and token table by family. */
const ends: Record<ModelConfig['family'], { table: string; positions?: [string, number]; norm: string }> = {
  llama: { table: 'model.embed_tokens.weight', norm: 'model.norm' },
  gpt2: {
    table: 'transformer.wte.weight',
    positions: ['transformer.wpe.weight', 0],
    norm: 'transformer.ln_f',
  },
  opt: {
    table: 'model.decoder.embed_tokens.weight',
    positions: ['model.decoder.embed_positions.weight', 2],
    norm: 'model.decoder.final_layer_norm',
  },
}

/** Logits `[tokens.length, vocab]`, flattened. */
export function naiveLogits(c: ModelConfig, w: Weights, tokens: readonly number[]): number[] {
  const { table, positions, norm } = ends[c.family]
  const caches = Array.from({ length: c.layers }, (): Cache => ({ keys: [], values: [] }))
  const step = steps[c.family](c, w)
  return tokens.flatMap((token, t) => {
    const start = row(w, table, token)
    let x = positions ? plus(start, row(w, positions[0], positions[1] + t)) : start
    caches.forEach((cache, i) => {
      x = step(x, i, cache, t)
    })
    if (c.family === 'llama') x = rmsNorm(w, norm, x, c.normEps)
    else if (c.doLayerNormBefore) x = layerNorm(w, norm, x, c.normEps)
    const head = c.tiedHead ? table : 'lm_head.weight'
    return Array.from({ length: c.vocabSize }, (_, id) => dot(row(w, head, id), x))
  })
}
